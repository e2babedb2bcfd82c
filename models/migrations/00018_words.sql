-- +goose Up
-- A publication keeps the name of the task too, which may be renamed or removed since. Those from before keep the name of
-- the day of the upgrade.
ALTER TABLE publication_items ADD COLUMN task_name TEXT NOT NULL DEFAULT '';
UPDATE publication_items SET task_name = COALESCE((SELECT tasks.name FROM tasks WHERE tasks.id = publication_items.task_id), '');

-- The short codes of verification pages that were given out, by their hashes: such a code stands alone in its address, so
-- it has to be found by itself. link_id is the link that gave it, '' for the account's own.
CREATE TABLE short_codes (
    hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    item_id TEXT NOT NULL REFERENCES items (id),
    link_id TEXT NOT NULL
);

-- +goose Down
DROP TABLE short_codes;
ALTER TABLE publication_items DROP COLUMN task_name;
