-- +goose Up
-- What is said of an item by its file, or by the peer that brought it, and not known by us.
ALTER TABLE items ADD COLUMN claimed_item {{.Bool}};
ALTER TABLE items ADD COLUMN claimed_time {{.Bool}};
ALTER TABLE items ADD COLUMN claimed_location {{.Bool}};

-- +goose Down
ALTER TABLE items DROP COLUMN claimed_location;
ALTER TABLE items DROP COLUMN claimed_time;
ALTER TABLE items DROP COLUMN claimed_item;
