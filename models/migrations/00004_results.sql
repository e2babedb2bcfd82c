-- +goose Up

-- Each account signs what it publishes, and chains it to what it signed before. The private keys are sealed.
CREATE TABLE chains (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    sequence BIGINT NOT NULL,
    head TEXT NOT NULL,
    key_id TEXT NOT NULL,
    signed_at {{.Time}} NOT NULL,
    secrets TEXT NOT NULL,
    stamped BIGINT NOT NULL,
    stamp_due_at {{.Time}},
    stamp_failures BIGINT NOT NULL
);
CREATE INDEX chains_unstamped ON chains (stamp_due_at) WHERE stamp_due_at IS NOT NULL;

CREATE TABLE chain_entries (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    work_order_id TEXT NOT NULL,
    publication_id TEXT NOT NULL,
    manifest TEXT NOT NULL,
    manifest_hash TEXT NOT NULL,
    previous TEXT NOT NULL,
    signed_at {{.Time}} NOT NULL,
    key_id TEXT NOT NULL,
    signature TEXT NOT NULL,
    head TEXT NOT NULL,
    stamp TEXT NOT NULL,
    PRIMARY KEY (account_id, sequence)
);
CREATE INDEX chain_entries_order ON chain_entries (work_order_id, sequence);

CREATE TABLE signing_keys (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    public TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    retired_at {{.Time}},
    PRIMARY KEY (account_id, id)
);

ALTER TABLE delivery_items ADD COLUMN delivered_at {{.Time}};
ALTER TABLE delivery_items ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE publications ADD COLUMN relay {{.Bool}} NOT NULL DEFAULT {{if eq .Dialect "sqlite"}}0{{else}}FALSE{{end}};
CREATE INDEX items_uuid ON items (uuid);

-- Who may come back from the sign-in of a cloud drive, and for which destination.
CREATE TABLE connections (
    state_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    destination_id TEXT NOT NULL REFERENCES destinations (id),
    sealed TEXT NOT NULL,
    expires_at {{.Time}} NOT NULL
);

CREATE TABLE links (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    token_hash TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    allow_downloads {{.Bool}} NOT NULL,
    allow_comments {{.Bool}} NOT NULL,
    item_ids {{.JSON}} NOT NULL,
    expires_at {{.Time}},
    revoked_at {{.Time}},
    created_by TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    views BIGINT NOT NULL,
    last_viewed_at {{.Time}}
);
CREATE UNIQUE INDEX links_token ON links (token_hash);
CREATE INDEX links_order ON links (work_order_id, id);

CREATE TABLE link_views (
    id {{.Sequence}},
    account_id TEXT NOT NULL REFERENCES accounts (id),
    link_id TEXT NOT NULL REFERENCES links (id),
    at {{.Time}} NOT NULL,
    what TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX link_views_link ON link_views (link_id, id);

CREATE TABLE comments (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    link_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    at {{.Time}} NOT NULL
);
CREATE INDEX comments_order ON comments (work_order_id, id);

-- What goes to a client's system, in the sequence in which it goes.
CREATE TABLE client_messages (
    seq {{.Sequence}},
    id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    destination_id TEXT NOT NULL REFERENCES destinations (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    delivery_id TEXT,
    kind TEXT NOT NULL,
    item_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    data TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    next_attempt_at {{.Time}},
    delivered_at {{.Time}},
    created_at {{.Time}} NOT NULL
);
CREATE UNIQUE INDEX client_messages_id ON client_messages (id);
CREATE INDEX client_messages_due ON client_messages (destination_id, work_order_id, state, seq);
CREATE INDEX client_messages_delivery ON client_messages (delivery_id) WHERE delivery_id IS NOT NULL;

-- +goose Down
DROP TABLE client_messages;
DROP TABLE comments;
DROP TABLE link_views;
DROP TABLE links;
DROP TABLE connections;
DROP INDEX items_uuid;
ALTER TABLE publications DROP COLUMN relay;
ALTER TABLE attempts DROP COLUMN request;
ALTER TABLE delivery_items DROP COLUMN path;
ALTER TABLE delivery_items DROP COLUMN delivered_at;
DROP TABLE signing_keys;
DROP TABLE chain_entries;
DROP TABLE chains;
