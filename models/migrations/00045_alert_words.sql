-- +goose Up
-- What an alert says and of what, so that whoever reads it does so in their own language. Alerts of before keep the words that they were written with.
ALTER TABLE alerts ADD COLUMN says TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN args {{.JSON}};

-- +goose Down
ALTER TABLE alerts DROP COLUMN args;
ALTER TABLE alerts DROP COLUMN says;
