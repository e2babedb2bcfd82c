-- +goose Up
CREATE TABLE work_types (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    is_default {{.Bool}} NOT NULL,
    reference TEXT,
    description TEXT,
    options {{.JSON}} NOT NULL,
    address1 TEXT NOT NULL,
    address2 TEXT NOT NULL,
    city TEXT NOT NULL,
    address_state TEXT NOT NULL,
    zip TEXT NOT NULL,
    country TEXT NOT NULL,
    instructions TEXT NOT NULL,
    work_order_info TEXT NOT NULL,
    client_instructions TEXT NOT NULL,
    assignee TEXT NOT NULL,
    priority TEXT NOT NULL,
    due_in_days BIGINT,
    publish_to TEXT,
    qa_policy TEXT,
    tasks {{.JSON}} NOT NULL,
    matches {{.JSON}} NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    UNIQUE (account_id, name_key)
);
CREATE UNIQUE INDEX work_types_default ON work_types (account_id) WHERE is_default;
ALTER TABLE work_orders ADD COLUMN work_type TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE work_orders DROP COLUMN work_type;
DROP TABLE work_types;
