-- +goose Up
-- A phone's word that a photo is on it, before its bytes are here (domain 5): a row a uuid, whatever became of it.
CREATE TABLE announcements (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    device TEXT NOT NULL,
    uuid TEXT NOT NULL,
    uuid_key TEXT NOT NULL,
    task_id TEXT,
    evidence_type TEXT NOT NULL,
    notes TEXT NOT NULL,
    shot TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    taken_at {{.Time}},
    offset_ms BIGINT,
    latitude {{.Float}},
    longitude {{.Float}},
    accuracy {{.Float}},
    source TEXT NOT NULL,
    announced_at {{.Time}} NOT NULL,
    state TEXT NOT NULL,
    awaited {{.Bool}} NOT NULL,
    ended_at {{.Time}},
    item_id TEXT,
    refused_code TEXT NOT NULL,
    refused_why TEXT NOT NULL,
    refused_at {{.Time}},
    alerted_at {{.Time}}
);
CREATE UNIQUE INDEX announcements_uuid ON announcements (account_id, uuid_key);
CREATE INDEX announcements_order ON announcements (work_order_id, state);
CREATE INDEX announcements_open ON announcements (user_id) WHERE state = 'announced';
CREATE INDEX announcements_oldest ON announcements (announced_at) WHERE state = 'announced';

-- What is kept of it with the photo: when the phone told of it, whether the order's completion counted on it, how it was shot,
-- and by how much the server's clock was ahead of the phone's.
ALTER TABLE items ADD COLUMN announced_at {{.Time}};
ALTER TABLE items ADD COLUMN awaited {{.Bool}} NOT NULL DEFAULT FALSE;
ALTER TABLE items ADD COLUMN shot TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN offset_ms BIGINT;

-- The phone on which somebody signed in.
ALTER TABLE tokens ADD COLUMN device TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_device ON tokens (account_id, device) WHERE device <> '';

-- Until when an order that publishes by itself waits for what is awaited.
ALTER TABLE work_orders ADD COLUMN publish_due_at {{.Time}};
CREATE INDEX work_orders_publish_due ON work_orders (publish_due_at) WHERE publish_due_at IS NOT NULL;

-- +goose Down
DROP INDEX work_orders_publish_due;
ALTER TABLE work_orders DROP COLUMN publish_due_at;
DROP INDEX tokens_device;
ALTER TABLE tokens DROP COLUMN device;
ALTER TABLE items DROP COLUMN offset_ms;
ALTER TABLE items DROP COLUMN shot;
ALTER TABLE items DROP COLUMN awaited;
ALTER TABLE items DROP COLUMN announced_at;
DROP TABLE announcements;
