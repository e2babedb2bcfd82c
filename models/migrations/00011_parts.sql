-- +goose Up
-- What the chain commits to of an item, and the words that it was published with: what is public shows those until it is
-- published again.
ALTER TABLE publication_items ADD COLUMN leaf TEXT NOT NULL DEFAULT '';
ALTER TABLE publication_items ADD COLUMN leaf_index BIGINT NOT NULL DEFAULT 0;
ALTER TABLE publication_items ADD COLUMN task_id TEXT;
ALTER TABLE publication_items ADD COLUMN evidence_type TEXT NOT NULL DEFAULT '';
ALTER TABLE publication_items ADD COLUMN notes TEXT NOT NULL DEFAULT '';
UPDATE publication_items SET
    task_id = (SELECT items.task_id FROM items WHERE items.id = publication_items.item_id),
    evidence_type = COALESCE((SELECT items.evidence_type FROM items WHERE items.id = publication_items.item_id), ''),
    notes = COALESCE((SELECT items.notes FROM items WHERE items.id = publication_items.item_id), '');

-- +goose Down
ALTER TABLE publication_items DROP COLUMN notes;
ALTER TABLE publication_items DROP COLUMN evidence_type;
ALTER TABLE publication_items DROP COLUMN task_id;
ALTER TABLE publication_items DROP COLUMN leaf_index;
ALTER TABLE publication_items DROP COLUMN leaf;
