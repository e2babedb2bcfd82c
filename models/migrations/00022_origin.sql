-- +goose Up
-- What the peer that brought an item says of its past, kept as its claim: who made it, what it was made from, and when it
-- first reached a server.
ALTER TABLE items ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN parent_uuid TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN first_received_at {{.Time}};

-- Where a peer's item was taken is the peer's word too: that it lies elsewhere proves nothing.
UPDATE items SET certified_location = NULL WHERE source IN ('share', 'integration') AND NOT certified_location;

-- +goose Down
ALTER TABLE items DROP COLUMN first_received_at;
ALTER TABLE items DROP COLUMN parent_uuid;
ALTER TABLE items DROP COLUMN author;
