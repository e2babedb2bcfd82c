-- +goose Up
-- Networks from which users have signed in: tries from elsewhere do not lock those out.
CREATE TABLE signed_in_from (
    user_id TEXT NOT NULL,
    network TEXT NOT NULL,
    account_id TEXT NOT NULL,
    at {{.Time}} NOT NULL,
    PRIMARY KEY (user_id, network)
);
CREATE INDEX signed_in_from_age ON signed_in_from (at);

-- +goose Down
DROP TABLE signed_in_from;
