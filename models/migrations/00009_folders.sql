-- +goose Up
-- A folder of the server belongs to one account for ever. What was in use before is claimed by the program that migrates.
CREATE TABLE folder_claims (
    path TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    claimed_at {{.Time}} NOT NULL
);

-- +goose Down
DROP TABLE folder_claims;
