-- +goose Up
-- Ids of what a request makes come from a random value of its claim, never from the key.
ALTER TABLE idempotency_keys ADD COLUMN seed TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE idempotency_keys DROP COLUMN seed;
