-- +goose Up
-- A photo on its way in pieces. received moves only from where it stands, so whoever comes second reads it anew.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    user_id TEXT NOT NULL,
    work_order_id TEXT NOT NULL,
    uuid TEXT NOT NULL,
    uuid_key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    length BIGINT NOT NULL,
    received BIGINT NOT NULL,
    metadata TEXT NOT NULL,
    said TEXT NOT NULL,
    item_id TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    moved_at {{.Time}} NOT NULL,
    ended_at {{.Time}}
);
-- The same photo of the same person is one upload, however often it is begun.
CREATE UNIQUE INDEX uploads_photo ON uploads (account_id, user_id, uuid_key, sha256, length);
CREATE INDEX uploads_open ON uploads (moved_at) WHERE ended_at IS NULL;
CREATE INDEX uploads_ended ON uploads (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE upload_pieces (
    upload_id TEXT NOT NULL REFERENCES uploads (id),
    start BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    size BIGINT NOT NULL,
    blob_key TEXT NOT NULL,
    PRIMARY KEY (upload_id, start)
);
CREATE INDEX upload_pieces_blob ON upload_pieces (blob_key);

-- What a phone could not send, as a file; and what became of each item in it.
CREATE TABLE rescues (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    brought_by TEXT NOT NULL,
    claimed_by TEXT NOT NULL,
    device TEXT NOT NULL,
    file_name TEXT NOT NULL,
    blob_key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    made_at {{.Time}},
    actions {{.JSON}} NOT NULL,
    created_at {{.Time}} NOT NULL,
    ended_at {{.Time}}
);
CREATE INDEX rescues_open ON rescues (created_at) WHERE ended_at IS NULL;
CREATE INDEX rescues_ended ON rescues (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE rescue_items (
    rescue_id TEXT NOT NULL REFERENCES rescues (id),
    position BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    uuid TEXT NOT NULL,
    work_order_id TEXT NOT NULL,
    path TEXT NOT NULL,
    said TEXT NOT NULL,
    result TEXT NOT NULL,
    item_id TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (rescue_id, position)
);

-- The zone of the clock by which a phone took a photo, and when it measured the position.
ALTER TABLE items ADD COLUMN zone TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN position_at {{.Time}};

-- +goose Down
ALTER TABLE items DROP COLUMN position_at;
ALTER TABLE items DROP COLUMN zone;
DROP TABLE rescue_items;
DROP TABLE rescues;
DROP TABLE upload_pieces;
DROP TABLE uploads;
