-- +goose Up
-- One end of a link between two accounts, here or on two installations (domain 9).
CREATE TABLE share_links (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    direction TEXT NOT NULL,
    name TEXT NOT NULL,
    user_id TEXT REFERENCES users (id),
    integration_id TEXT REFERENCES integrations (id),
    own_name TEXT NOT NULL,
    fieldproof {{.Bool}} NOT NULL,
    peer_account TEXT NOT NULL,
    peer_name TEXT NOT NULL,
    peer_host TEXT NOT NULL,
    peer_keys {{.JSON}} NOT NULL,
    offered {{.JSON}} NOT NULL,
    condition TEXT NOT NULL,
    state_since {{.Time}} NOT NULL,
    paused_at {{.Time}},
    last_contact_at {{.Time}},
    fetched_at {{.Time}},
    last_error TEXT NOT NULL,
    failures BIGINT NOT NULL,
    probe_at {{.Time}},
    probed TEXT NOT NULL,
    cursor TEXT NOT NULL,
    due_at {{.Time}},
    asked TEXT NOT NULL,
    silence_told_at {{.Time}},
    peer_since {{.Time}},
    compare_at {{.Time}},
    compared_at {{.Time}},
    mended {{.JSON}},
    invitation_key TEXT NOT NULL,
    invitation_until {{.Time}},
    redeemer TEXT NOT NULL,
    secrets TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    ended_at {{.Time}},
    ended_version BIGINT
);
CREATE INDEX share_links_account ON share_links (account_id, created_at);
CREATE UNIQUE INDEX share_links_user ON share_links (user_id) WHERE user_id IS NOT NULL AND ended_at IS NULL;
CREATE UNIQUE INDEX share_links_integration ON share_links (integration_id) WHERE integration_id IS NOT NULL;
CREATE INDEX share_links_invitation ON share_links (invitation_key) WHERE invitation_key <> '';

-- Tokens that were ended: whoever still has one is told so, and nobody else anything.
CREATE TABLE ended_tokens (
    token_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    ended_at {{.Time}} NOT NULL
);

-- What a source says of an order also under a name of its own, and what it said last of the order's end and rework.
ALTER TABLE received_orders ADD COLUMN peer_order_id TEXT NOT NULL DEFAULT '';
ALTER TABLE received_orders ADD COLUMN peer_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE received_orders ADD COLUMN ended TEXT NOT NULL DEFAULT '';
ALTER TABLE received_orders ADD COLUMN rejection TEXT NOT NULL DEFAULT '';
ALTER TABLE received_orders ADD COLUMN brought {{.JSON}};
ALTER TABLE received_orders ADD COLUMN differs {{.JSON}};
ALTER TABLE received_orders ADD COLUMN status_number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE received_orders ADD COLUMN refused TEXT NOT NULL DEFAULT '';
ALTER TABLE received_orders ADD COLUMN refusal_told TEXT NOT NULL DEFAULT '';
CREATE INDEX received_orders_peer ON received_orders (integration_id, peer_order_id) WHERE peer_order_id <> '';

-- What a login of the wire said last of an order.
ALTER TABLE peer_numbers ADD COLUMN status_number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE peer_numbers ADD COLUMN field_status TEXT NOT NULL DEFAULT '';
ALTER TABLE peer_numbers ADD COLUMN refused TEXT NOT NULL DEFAULT '';
ALTER TABLE peer_numbers ADD COLUMN rejection {{.JSON}};
CREATE INDEX peer_numbers_order ON peer_numbers (work_order_id);

-- The accounts that an order went through, as each alone recognises itself, and what those below are told of it.
ALTER TABLE work_orders ADD COLUMN path_salt TEXT NOT NULL DEFAULT '';
ALTER TABLE work_orders ADD COLUMN path_marks {{.JSON}};
ALTER TABLE work_orders ADD COLUMN status_below TEXT NOT NULL DEFAULT '';

-- By which link an item came, in which revision of the sender's, with which words, and whether it was withdrawn there.
ALTER TABLE items ADD COLUMN share_link_id TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN peer_revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN brought {{.JSON}};
ALTER TABLE items ADD COLUMN withdrawn_at {{.Time}};

-- What the account whose phone delivered an item says of it, signed: see Statement.
CREATE TABLE statements (
    item_id TEXT PRIMARY KEY REFERENCES items (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    text TEXT NOT NULL,
    signature TEXT NOT NULL,
    public_key TEXT NOT NULL,
    source TEXT NOT NULL,
    said_by TEXT NOT NULL,
    verified {{.Bool}},
    created_at {{.Time}} NOT NULL
);
CREATE INDEX statements_open ON statements (said_by) WHERE verified IS NULL;

-- A status to a peer is numbered for its order.
ALTER TABLE client_messages ADD COLUMN number BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE client_messages DROP COLUMN number;
DROP TABLE statements;
ALTER TABLE items DROP COLUMN withdrawn_at;
ALTER TABLE items DROP COLUMN brought;
ALTER TABLE items DROP COLUMN peer_revision;
ALTER TABLE items DROP COLUMN share_link_id;
ALTER TABLE work_orders DROP COLUMN status_below;
ALTER TABLE work_orders DROP COLUMN path_marks;
ALTER TABLE work_orders DROP COLUMN path_salt;
DROP INDEX peer_numbers_order;
ALTER TABLE peer_numbers DROP COLUMN rejection;
ALTER TABLE peer_numbers DROP COLUMN refused;
ALTER TABLE peer_numbers DROP COLUMN field_status;
ALTER TABLE peer_numbers DROP COLUMN status_number;
DROP INDEX received_orders_peer;
ALTER TABLE received_orders DROP COLUMN refusal_told;
ALTER TABLE received_orders DROP COLUMN refused;
ALTER TABLE received_orders DROP COLUMN status_number;
ALTER TABLE received_orders DROP COLUMN differs;
ALTER TABLE received_orders DROP COLUMN brought;
ALTER TABLE received_orders DROP COLUMN rejection;
ALTER TABLE received_orders DROP COLUMN ended;
ALTER TABLE received_orders DROP COLUMN peer_version;
ALTER TABLE received_orders DROP COLUMN peer_order_id;
DROP TABLE ended_tokens;
DROP TABLE share_links;
