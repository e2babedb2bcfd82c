-- +goose Up
-- Who did an order that was imported as history, where it is no user, and the client's time of day.
ALTER TABLE work_orders ADD COLUMN assigned_name TEXT NOT NULL DEFAULT '';
ALTER TABLE work_orders ADD COLUMN client_due_time TEXT;

-- +goose Down
ALTER TABLE work_orders DROP COLUMN client_due_time;
ALTER TABLE work_orders DROP COLUMN assigned_name;
