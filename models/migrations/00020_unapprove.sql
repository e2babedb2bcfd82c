-- +goose Up
-- The approval of the whole order that approved an item; empty when the office approved it by itself. Taking the approval
-- back takes its items back.
ALTER TABLE items ADD COLUMN approved_with TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE items DROP COLUMN approved_with;
