-- +goose Up
-- The photos that the office chose for an order's cover, and those that each publication went out with.
ALTER TABLE work_orders ADD COLUMN key_photos {{.JSON}};
ALTER TABLE publications ADD COLUMN key_photos {{.JSON}};

-- +goose Down
ALTER TABLE publications DROP COLUMN key_photos;
ALTER TABLE work_orders DROP COLUMN key_photos;
