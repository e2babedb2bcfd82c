-- +goose Up
-- Whether an account reads distances in metres or in feet and miles.
ALTER TABLE accounts ADD COLUMN units TEXT NOT NULL DEFAULT 'metric';

-- +goose Down
ALTER TABLE accounts DROP COLUMN units;
