-- +goose Up
-- What a user set for themselves: keys of the portal, by the name of what they do, and the language in which mails speak to them.
ALTER TABLE users ADD COLUMN keys TEXT;
ALTER TABLE users ADD COLUMN language TEXT;

-- +goose Down
ALTER TABLE users DROP COLUMN language;
ALTER TABLE users DROP COLUMN keys;
