-- +goose Up
-- How often an action was sent to its workflow anew: a try that an outage ended is no outcome.
ALTER TABLE actions ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
CREATE INDEX actions_applied ON actions (work_order_id, number) WHERE outcome = 'applied';
-- The peer that completed the order, while its photos are still awaited.
ALTER TABLE work_orders ADD COLUMN awaits_peer TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE work_orders DROP COLUMN awaits_peer;
DROP INDEX actions_applied;
ALTER TABLE actions DROP COLUMN tries;
