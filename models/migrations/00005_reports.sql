-- +goose Up
ALTER TABLE accounts ADD COLUMN report_layout BIGINT NOT NULL DEFAULT 6;
ALTER TABLE accounts ADD COLUMN logo_key TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE accounts DROP COLUMN logo_key;
ALTER TABLE accounts DROP COLUMN report_layout;
