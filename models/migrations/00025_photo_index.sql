-- +goose Up
-- How the office turned a photo, whether it put it aside, and who judged it last.
ALTER TABLE items ADD COLUMN rotation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN flagged {{.Bool}} NOT NULL DEFAULT FALSE;
ALTER TABLE items ADD COLUMN reviewed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN reviewed_at {{.Time}};
-- Known once the renditions are made: whether what the file calls its width is the height of the picture, and a tiny picture.
ALTER TABLE items ADD COLUMN turned {{.Bool}} NOT NULL DEFAULT FALSE;
ALTER TABLE items ADD COLUMN placeholder TEXT NOT NULL DEFAULT '';
-- What its file was called by who sent it.
ALTER TABLE items ADD COLUMN file_name TEXT NOT NULL DEFAULT '';
-- The same bytes elsewhere in the account.
CREATE INDEX items_bytes ON items (account_id, sha256, work_order_id) WHERE kind = 'photo';
-- Where is my photo: by time and by name.
CREATE INDEX items_taken ON items (account_id, taken_at) WHERE kind = 'photo';
CREATE INDEX items_file_name ON items (account_id, lower(file_name)) WHERE file_name <> '';

-- +goose Down
DROP INDEX items_file_name;
DROP INDEX items_taken;
DROP INDEX items_bytes;
ALTER TABLE items DROP COLUMN file_name;
ALTER TABLE items DROP COLUMN placeholder;
ALTER TABLE items DROP COLUMN turned;
ALTER TABLE items DROP COLUMN reviewed_at;
ALTER TABLE items DROP COLUMN reviewed_by;
ALTER TABLE items DROP COLUMN flagged;
ALTER TABLE items DROP COLUMN rotation;
