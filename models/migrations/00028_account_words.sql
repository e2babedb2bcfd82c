-- +goose Up
-- The account's own reasons for sending a photo back, how large its phones take photos, and how it presents itself.
ALTER TABLE accounts ADD COLUMN review_reasons {{.JSON}} NOT NULL DEFAULT '[]';
ALTER TABLE accounts ADD COLUMN photo_size BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN colour TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
ALTER TABLE accounts ADD COLUMN region TEXT NOT NULL DEFAULT 'US';

-- +goose Down
ALTER TABLE accounts DROP COLUMN region;
ALTER TABLE accounts DROP COLUMN language;
ALTER TABLE accounts DROP COLUMN phone;
ALTER TABLE accounts DROP COLUMN address;
ALTER TABLE accounts DROP COLUMN colour;
ALTER TABLE accounts DROP COLUMN photo_size;
ALTER TABLE accounts DROP COLUMN review_reasons;
