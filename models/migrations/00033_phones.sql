-- +goose Up
-- What a phone was told at its last calls, so that the next one tells it what changed: digests by the ids of orders.
CREATE TABLE sync_points (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    token_id TEXT NOT NULL,
    orders {{.JSON}} NOT NULL,
    photos {{.JSON}} NOT NULL,
    surveys {{.JSON}} NOT NULL,
    created_at {{.Time}} NOT NULL,
    used_at {{.Time}} NOT NULL
);
CREATE INDEX sync_points_token ON sync_points (token_id, id);
CREATE INDEX items_uploaded ON items (uploaded_by, received_at);

-- A browser's store on a phone, known by an id that the app made, and what it says of itself.
CREATE TABLE devices (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    report {{.JSON}} NOT NULL,
    waiting_since {{.Time}},
    alerted_at {{.Time}},
    seen_at {{.Time}} NOT NULL,
    written_off_at {{.Time}},
    written_off_by TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX devices_user ON devices (user_id);
CREATE INDEX devices_waiting ON devices (waiting_since) WHERE waiting_since IS NOT NULL AND alerted_at IS NULL;
CREATE INDEX announcements_device ON announcements (account_id, device) WHERE state = 'announced';

-- +goose Down
DROP INDEX announcements_device;
DROP TABLE devices;
DROP INDEX items_uploaded;
DROP TABLE sync_points;
