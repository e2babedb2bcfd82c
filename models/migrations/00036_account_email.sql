-- +goose Up
-- Where answers to an account's mails go.
ALTER TABLE accounts ADD COLUMN email TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE accounts DROP COLUMN email;
