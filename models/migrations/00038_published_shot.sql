-- +goose Up
-- What a photo shows of its task can be set later, so a publication keeps it as it keeps the other words.
ALTER TABLE publication_items ADD COLUMN shot TEXT NOT NULL DEFAULT '';
UPDATE publication_items SET shot = COALESCE((SELECT items.shot FROM items WHERE items.id = publication_items.item_id), '');

-- +goose Down
ALTER TABLE publication_items DROP COLUMN shot;
