-- +goose Up
ALTER TABLE accounts ADD COLUMN report_layout BIGINT NOT NULL DEFAULT 6;
ALTER TABLE accounts ADD COLUMN logo_key TEXT NOT NULL DEFAULT '';

-- The entry of the account's chain that proves the item, which also is the sequence in which items were published.
ALTER TABLE publication_items ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
UPDATE publication_items SET sequence = COALESCE((SELECT MAX(chain_entries.sequence) FROM chain_entries WHERE chain_entries.publication_id = publication_items.publication_id), 0);
CREATE INDEX publication_items_sequence ON publication_items (account_id, sequence, item_id);
CREATE INDEX publications_relay ON publications (work_order_id) WHERE relay;

-- +goose Down
DROP INDEX publications_relay;
DROP INDEX publication_items_sequence;
ALTER TABLE publication_items DROP COLUMN sequence;
ALTER TABLE accounts DROP COLUMN logo_key;
ALTER TABLE accounts DROP COLUMN report_layout;
