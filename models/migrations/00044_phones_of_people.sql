-- +goose Up
-- A phone is kept for each person who signs in on it: two who share one, or somebody who claims another's id, have rows of their own.
CREATE TABLE devices_of (
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
    PRIMARY KEY (account_id, id, user_id)
);
INSERT INTO devices_of SELECT * FROM devices;
-- Of the others who announced from it, so that the office can still write their share off.
INSERT INTO devices_of (account_id, id, user_id, report, seen_at, written_off_by, created_at)
SELECT d.account_id, d.id, a.user_id, '{}', MAX(a.announced_at), '', MIN(a.announced_at)
FROM devices d
JOIN announcements a ON a.account_id = d.account_id AND a.device = d.id AND a.user_id <> d.user_id AND a.state = 'announced'
GROUP BY d.account_id, d.id, a.user_id;
DROP TABLE devices;
ALTER TABLE devices_of RENAME TO devices;
CREATE INDEX devices_user ON devices (user_id);
CREATE INDEX devices_waiting ON devices (waiting_since) WHERE waiting_since IS NOT NULL AND alerted_at IS NULL;

-- +goose Down
CREATE TABLE devices_at (
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
INSERT INTO devices_at SELECT * FROM devices d WHERE NOT EXISTS (SELECT 1 FROM devices o
    WHERE o.account_id = d.account_id AND o.id = d.id AND (o.seen_at > d.seen_at OR (o.seen_at = d.seen_at AND o.user_id > d.user_id)));
DROP TABLE devices;
ALTER TABLE devices_at RENAME TO devices;
CREATE INDEX devices_user ON devices (user_id);
CREATE INDEX devices_waiting ON devices (waiting_since) WHERE waiting_since IS NOT NULL AND alerted_at IS NULL;
