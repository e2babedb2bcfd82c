-- +goose Up
-- A note that is for the account alone: those from the field are, and no link shows them.
ALTER TABLE comments ADD COLUMN inside {{.Bool}} NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE comments DROP COLUMN inside;
