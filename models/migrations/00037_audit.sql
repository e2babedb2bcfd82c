-- +goose Up
-- What an account is set up with: who changed what, and who signed in.
CREATE TABLE audit_entries (
    id {{.Sequence}},
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    what TEXT NOT NULL,
    changes {{.JSON}} NOT NULL,
    actor_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    at {{.Time}} NOT NULL
);
CREATE INDEX audit_entries_account ON audit_entries (account_id, id);

-- +goose Down
DROP TABLE audit_entries;
