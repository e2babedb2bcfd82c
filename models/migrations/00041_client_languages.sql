-- +goose Up
-- The languages of the documents for some of an account's clients, by client code.
ALTER TABLE accounts ADD COLUMN client_languages {{.JSON}} NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE accounts DROP COLUMN client_languages;
