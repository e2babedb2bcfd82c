-- +goose Up
-- A uuid as uuids are compared: one whatever its case, hyphens or braces. Of items that came as several for that reason the
-- first is what a repeat means.
ALTER TABLE items ADD COLUMN uuid_key TEXT NOT NULL DEFAULT '';
UPDATE items SET uuid_key = uuid;
UPDATE items SET uuid_key = lower(replace(replace(replace(uuid, '-', ''), '{', ''), '}', ''))
    WHERE {{if eq .Dialect "sqlite"}}length(replace(replace(replace(uuid, '-', ''), '{', ''), '}', '')) = 32 AND replace(replace(replace(uuid, '-', ''), '{', ''), '}', '') NOT GLOB '*[^0-9A-Fa-f]*'{{else}}replace(replace(replace(uuid, '-', ''), '{', ''), '}', '') ~ '^[0-9A-Fa-f]{32}$'{{end}};
UPDATE items SET uuid_key = uuid_key || '/' || id
    WHERE id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY account_id, uuid_key ORDER BY received_at, id) AS n FROM items) AS ranked WHERE n > 1);
CREATE UNIQUE INDEX items_account_uuid_key ON items (account_id, uuid_key);
CREATE INDEX items_uuid_key ON items (uuid_key);
DROP INDEX items_uuid;

-- +goose Down
CREATE INDEX items_uuid ON items (uuid);
DROP INDEX items_uuid_key;
DROP INDEX items_account_uuid_key;
ALTER TABLE items DROP COLUMN uuid_key;
