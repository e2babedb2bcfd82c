-- +goose Up
-- What lists of orders sort by: the number in natural order and the day and time on which an order is due, as texts that
-- sort by their bytes; and when it was last completed and published, of which the year 1 is never.
ALTER TABLE work_orders ADD COLUMN number_key TEXT {{if eq .Dialect "postgres"}}COLLATE "C" {{end}}NOT NULL DEFAULT '';
ALTER TABLE work_orders ADD COLUMN due_key TEXT {{if eq .Dialect "postgres"}}COLLATE "C" {{end}}NOT NULL DEFAULT '~';
ALTER TABLE work_orders ADD COLUMN completed_at {{.Time}} NOT NULL DEFAULT '0001-01-01T00:00:00.000000Z';
ALTER TABLE work_orders ADD COLUMN published_at {{.Time}} NOT NULL DEFAULT '0001-01-01T00:00:00.000000Z';
UPDATE work_orders SET due_key = due_date || ' ' || COALESCE(due_time, '~') WHERE due_date IS NOT NULL;
UPDATE work_orders SET completed_at = COALESCE((SELECT MAX(e.at) FROM events AS e WHERE e.work_order_id = work_orders.id AND e.type = 'completed'
        AND NOT EXISTS (SELECT 1 FROM events AS r WHERE r.work_order_id = e.work_order_id AND r.type = 'rejected' AND r.sequence > e.sequence)), completed_at),
    published_at = COALESCE((SELECT MIN(e.at) FROM events AS e WHERE e.work_order_id = work_orders.id AND e.type = 'published'
        AND NOT EXISTS (SELECT 1 FROM events AS r WHERE r.work_order_id = e.work_order_id AND r.type = 'rejected' AND r.sequence > e.sequence)), published_at)
    WHERE state NOT IN ('created', 'assigned', 'in_progress');
-- Those that have no key yet get theirs from the program that migrates.
CREATE INDEX work_orders_unkeyed ON work_orders (seq) WHERE number_key = '';

-- One index a sort key, with the columns behind it by which lists are narrowed: a place is found, and orders are counted,
-- without reading an order.
DROP INDEX work_orders_list;
DROP INDEX work_orders_due;
CREATE INDEX work_orders_list ON work_orders (account_id, seq, state, assignee_id, assigned_to_all, client_code, priority, due_key, invoiced, completed_at, published_at, awaits_peer) WHERE NOT hidden;
CREATE INDEX work_orders_by_due ON work_orders (account_id, due_key, seq, state, assignee_id, assigned_to_all, client_code, priority, invoiced, completed_at, published_at, awaits_peer) WHERE NOT hidden;
CREATE INDEX work_orders_by_updated ON work_orders (account_id, updated_at, seq, state, assignee_id, assigned_to_all, client_code, priority, due_key, invoiced, completed_at, published_at, awaits_peer) WHERE NOT hidden;
CREATE INDEX work_orders_by_number ON work_orders (account_id, number_key, seq, state, assignee_id, assigned_to_all, client_code, priority, due_key, invoiced, completed_at, published_at, awaits_peer) WHERE NOT hidden;
CREATE INDEX work_orders_by_completed ON work_orders (account_id, completed_at, seq, state, assignee_id, assigned_to_all, client_code, priority, due_key, invoiced, published_at, awaits_peer) WHERE NOT hidden;
CREATE INDEX work_orders_to_all ON work_orders (account_id, seq) WHERE assigned_to_all AND NOT hidden;
CREATE INDEX items_worked ON items (uploaded_by, work_order_id) WHERE deleted_at IS NULL;

-- What people keep of a list: its filters and sort as the query of an address, and its columns.
CREATE TABLE saved_views (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    columns {{.JSON}} NOT NULL,
    shared {{.Bool}} NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL
);
CREATE INDEX saved_views_account ON saved_views (account_id, id);

-- +goose Down
DROP TABLE saved_views;
DROP INDEX items_worked;
DROP INDEX work_orders_to_all;
DROP INDEX work_orders_by_completed;
DROP INDEX work_orders_by_number;
DROP INDEX work_orders_by_updated;
DROP INDEX work_orders_by_due;
DROP INDEX work_orders_list;
DROP INDEX work_orders_unkeyed;
ALTER TABLE work_orders DROP COLUMN published_at;
ALTER TABLE work_orders DROP COLUMN completed_at;
ALTER TABLE work_orders DROP COLUMN due_key;
ALTER TABLE work_orders DROP COLUMN number_key;
CREATE INDEX work_orders_due ON work_orders (account_id, due_date, seq) WHERE NOT hidden;
CREATE INDEX work_orders_list ON work_orders (account_id, seq) WHERE NOT hidden;
