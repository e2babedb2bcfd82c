-- +goose Up
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    zone TEXT NOT NULL DEFAULT 'UTC',
    qa_policy TEXT NOT NULL DEFAULT 'office_review',
    certification_radius {{.Float}} NOT NULL DEFAULT 250,
    retention_days BIGINT NOT NULL DEFAULT 0,
    branding {{.JSON}} NOT NULL,
    defaults {{.JSON}} NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL
);

CREATE TABLE roles (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    privileges {{.JSON}} NOT NULL,
    built_in {{.Bool}} NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    active {{.Bool}} NOT NULL,
    password_hash TEXT NOT NULL,
    wire_hash TEXT NOT NULL,
    credential_version BIGINT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    deleted_at {{.Time}}
);
CREATE INDEX users_account ON users (account_id, id);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    credential_version BIGINT NOT NULL,
    created_at {{.Time}} NOT NULL,
    expires_at {{.Time}}
);
CREATE INDEX tokens_user ON tokens (account_id, user_id, id);

-- A work order's lifecycle has the column "state", so the state of an address is address_state everywhere.
CREATE TABLE properties (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    address_key TEXT NOT NULL,
    address1 TEXT NOT NULL,
    address2 TEXT NOT NULL,
    city TEXT NOT NULL,
    address_state TEXT NOT NULL,
    zip TEXT NOT NULL,
    country TEXT NOT NULL,
    latitude {{.Float}},
    longitude {{.Float}},
    notes TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    UNIQUE (account_id, address_key)
);

CREATE TABLE work_orders (
    seq {{.Sequence}},
    id TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    client_code TEXT NOT NULL DEFAULT '',
    number TEXT NOT NULL,
    version BIGINT NOT NULL,
    event_count BIGINT NOT NULL,
    publication_count BIGINT NOT NULL,
    state TEXT NOT NULL,
    state_version BIGINT NOT NULL,
    hidden {{.Bool}} NOT NULL,
    before_cancelled TEXT NOT NULL,
    before_closed TEXT NOT NULL,
    before_hidden TEXT NOT NULL,
    priority TEXT NOT NULL,
    field_status TEXT NOT NULL,
    address1 TEXT NOT NULL,
    address2 TEXT NOT NULL,
    city TEXT NOT NULL,
    address_state TEXT NOT NULL,
    zip TEXT NOT NULL,
    country TEXT NOT NULL,
    latitude {{.Float}},
    longitude {{.Float}},
    property_id TEXT NOT NULL REFERENCES properties (id),
    assignee_id TEXT,
    assigned_to_all {{.Bool}} NOT NULL,
    due_date TEXT,
    due_time TEXT,
    start_date TEXT,
    source_id TEXT NOT NULL,
    source_number TEXT NOT NULL,
    source_provider TEXT NOT NULL,
    instructions TEXT NOT NULL,
    work_order_info TEXT NOT NULL,
    description TEXT NOT NULL,
    reference TEXT NOT NULL,
    client_status TEXT NOT NULL,
    client_due_date TEXT,
    client_instructions TEXT NOT NULL,
    publish_to TEXT,
    qa_policy TEXT,
    options {{.JSON}} NOT NULL,
    attributes {{.JSON}} NOT NULL,
    has_new_items {{.Bool}} NOT NULL,
    created_by TEXT NOT NULL,
    search_text TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL
);
CREATE UNIQUE INDEX work_orders_number ON work_orders (account_id, client_code, number) WHERE NOT hidden;
CREATE INDEX work_orders_list ON work_orders (account_id, seq) WHERE NOT hidden;
CREATE INDEX work_orders_state ON work_orders (account_id, state, seq) WHERE NOT hidden;
CREATE INDEX work_orders_assignee ON work_orders (account_id, assignee_id, state, seq) WHERE NOT hidden;
CREATE INDEX work_orders_client ON work_orders (account_id, client_code, seq) WHERE NOT hidden;
CREATE INDEX work_orders_due ON work_orders (account_id, due_date, seq) WHERE NOT hidden;
CREATE INDEX work_orders_property ON work_orders (account_id, property_id, seq);

{{if eq .Dialect "sqlite"}}
-- The account is a word of its own, after a character that no searched word has, so that a search meets one account's
-- orders only. Beginnings of words are indexed by length, or a short one would gather every word that begins so.
CREATE VIRTUAL TABLE work_order_search USING fts5 (words, content = '', prefix = '1 2 3 4 5 6 7 8 9 10 11 12');
-- +goose StatementBegin
CREATE TRIGGER work_orders_search_insert AFTER INSERT ON work_orders BEGIN
    INSERT INTO work_order_search (rowid, words) VALUES (new.seq, char(0xE000) || new.account_id || ' ' || new.search_text);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER work_orders_search_update AFTER UPDATE OF search_text ON work_orders WHEN old.search_text <> new.search_text BEGIN
    INSERT INTO work_order_search (work_order_search, rowid, words) VALUES ('delete', old.seq, char(0xE000) || old.account_id || ' ' || old.search_text);
    INSERT INTO work_order_search (rowid, words) VALUES (new.seq, char(0xE000) || new.account_id || ' ' || new.search_text);
END;
-- +goose StatementEnd
{{else}}
-- Every beginning of every word up to 16 characters, after the bucket of 1,024 orders in which the order came and the
-- end of its account's id: a search goes through buckets, and what is written together lies together. The cost keeps the
-- planner from computing it for each order instead of using the index.
-- +goose StatementBegin
CREATE FUNCTION order_terms(account_id TEXT, seq BIGINT, words TEXT) RETURNS TSVECTOR LANGUAGE SQL IMMUTABLE PARALLEL SAFE COST 10000 AS $$
    SELECT array_to_tsvector(ARRAY(SELECT (seq >> 10) || '@' || right(account_id, 8) || ' ' || left(word, length)
        FROM unnest(string_to_array(words, ' ')) AS word, generate_series(1, least(char_length(word), 16)) AS length WHERE word <> ''))
$$;
-- +goose StatementEnd
-- Without fastupdate, or each search would go through what is pending, once a bucket.
CREATE INDEX work_orders_search ON work_orders USING gin (order_terms(account_id, seq, search_text)) WITH (fastupdate = off);
{{end}}

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    clean_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    instructions TEXT NOT NULL,
    required_photos {{.JSON}} NOT NULL,
    options {{.JSON}} NOT NULL,
    UNIQUE (work_order_id, clean_name)
);

CREATE TABLE assignments (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    user_id TEXT,
    assigned_at {{.Time}} NOT NULL,
    ended_at {{.Time}},
    viewed_at {{.Time}}
);
CREATE INDEX assignments_order ON assignments (work_order_id, user_id);

CREATE TABLE items (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    task_id TEXT REFERENCES tasks (id),
    kind TEXT NOT NULL,
    uuid TEXT NOT NULL,
    revision BIGINT NOT NULL,
    evidence_type TEXT NOT NULL,
    taken_at {{.Time}},
    received_at {{.Time}} NOT NULL,
    latitude {{.Float}},
    longitude {{.Float}},
    accuracy {{.Float}},
    source TEXT NOT NULL,
    certified_item {{.Bool}},
    certified_time {{.Bool}},
    certified_location {{.Bool}},
    review TEXT NOT NULL,
    review_reason TEXT NOT NULL,
    uploaded_by TEXT NOT NULL,
    by_office {{.Bool}} NOT NULL,
    notes TEXT NOT NULL,
    device TEXT NOT NULL,
    noticed {{.Bool}} NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    crc32 BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    blob_key TEXT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    renditions TEXT NOT NULL,
    rendition_error TEXT NOT NULL,
    deleted_at {{.Time}},
    UNIQUE (account_id, uuid)
);
CREATE INDEX items_order ON items (work_order_id, kind, received_at);
CREATE INDEX items_unnoticed ON items (work_order_id) WHERE NOT noticed;
CREATE INDEX items_blob ON items (blob_key) WHERE blob_key <> '';
CREATE INDEX items_task ON items (task_id);

CREATE TABLE events (
    id {{.Sequence}},
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    sequence BIGINT NOT NULL,
    type TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    at {{.Time}} NOT NULL,
    reason TEXT NOT NULL,
    message_id TEXT,
    details {{.JSON}} NOT NULL,
    UNIQUE (work_order_id, sequence),
    UNIQUE (work_order_id, message_id)
);

CREATE TABLE actions (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    number BIGINT NOT NULL,
    event TEXT NOT NULL,
    parameters {{.JSON}} NOT NULL,
    actor_id TEXT NOT NULL,
    inbox {{.Bool}} NOT NULL,
    outcome TEXT NOT NULL,
    refusal TEXT NOT NULL,
    created_at {{.Time}} NOT NULL
);
CREATE INDEX actions_inbox ON actions (work_order_id, number) WHERE inbox AND outcome = '';

CREATE TABLE destinations (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    enabled {{.Bool}} NOT NULL,
    integration_id TEXT,
    work_order_id TEXT,
    settings {{.JSON}} NOT NULL,
    secrets TEXT NOT NULL,
    failing_since {{.Time}},
    failures BIGINT NOT NULL,
    probe_at {{.Time}},
    last_error TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    deleted_at {{.Time}}
);
CREATE INDEX destinations_account ON destinations (account_id, id);

CREATE TABLE publications (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    number BIGINT NOT NULL,
    items BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    report_key TEXT NOT NULL,
    ended_at {{.Time}},
    UNIQUE (work_order_id, number)
);
CREATE INDEX publications_open ON publications (created_at) WHERE ended_at IS NULL;

CREATE TABLE publication_items (
    publication_id TEXT NOT NULL REFERENCES publications (id),
    item_id TEXT NOT NULL REFERENCES items (id),
    account_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (publication_id, item_id)
);
CREATE INDEX publication_items_item ON publication_items (item_id, revision);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    publication_id TEXT NOT NULL REFERENCES publications (id),
    work_order_id TEXT NOT NULL,
    destination_id TEXT NOT NULL REFERENCES destinations (id),
    takes_report {{.Bool}} NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    next_attempt_at {{.Time}},
    delivered_at {{.Time}},
    give_up_at {{.Time}} NOT NULL,
    created_at {{.Time}} NOT NULL,
    UNIQUE (publication_id, destination_id)
);

CREATE TABLE delivery_items (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    item_id TEXT NOT NULL REFERENCES items (id),
    account_id TEXT NOT NULL,
    destination_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, item_id)
);
CREATE INDEX delivery_items_destination ON delivery_items (destination_id, item_id, revision);

CREATE TABLE webhook_messages (
    seq {{.Sequence}},
    id TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    destination_id TEXT NOT NULL REFERENCES destinations (id),
    work_order_id TEXT NOT NULL,
    delivery_id TEXT,
    event_id BIGINT NOT NULL,
    item_id TEXT NOT NULL,
    type TEXT NOT NULL,
    at {{.Time}} NOT NULL,
    data TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    next_attempt_at {{.Time}},
    delivered_at {{.Time}},
    give_up_at {{.Time}} NOT NULL,
    UNIQUE (destination_id, event_id, item_id)
);
CREATE INDEX webhook_messages_due ON webhook_messages (destination_id, next_attempt_at, seq) WHERE state IN ('pending', 'retrying');
CREATE INDEX webhook_messages_delivery ON webhook_messages (delivery_id, state) WHERE delivery_id IS NOT NULL;
CREATE INDEX webhook_messages_order ON webhook_messages (work_order_id, seq);

CREATE TABLE attempts (
    id {{.Sequence}},
    account_id TEXT NOT NULL REFERENCES accounts (id),
    delivery_id TEXT,
    message_id TEXT,
    at {{.Time}} NOT NULL,
    milliseconds BIGINT NOT NULL,
    status BIGINT NOT NULL,
    error TEXT NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX attempts_delivery ON attempts (delivery_id, id) WHERE delivery_id IS NOT NULL;
CREATE INDEX attempts_message ON attempts (message_id, id) WHERE message_id IS NOT NULL;

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    remedy TEXT NOT NULL,
    work_order_id TEXT,
    subject TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    dismissed_at {{.Time}},
    dismissed_by TEXT NOT NULL
);
CREATE UNIQUE INDEX alerts_open ON alerts (account_id, kind, subject) WHERE dismissed_at IS NULL;
CREATE INDEX alerts_account ON alerts (account_id, id);

CREATE TABLE outbox (
    bell TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    generation BIGINT NOT NULL,
    due_at {{.Time}} NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT NOT NULL
);
CREATE INDEX outbox_due ON outbox (due_at);

CREATE TABLE feed (
    id {{.Sequence}},
    account_id TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    work_order_id TEXT NOT NULL,
    at {{.Time}} NOT NULL
);
CREATE INDEX feed_account ON feed (account_id, id);
CREATE INDEX feed_at ON feed (at);

CREATE TABLE idempotency_keys (
    id TEXT PRIMARY KEY,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    claimed_until {{.Time}} NOT NULL,
    created_at {{.Time}} NOT NULL
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE rate_limits (
    id TEXT PRIMARY KEY,
    count BIGINT NOT NULL,
    ends_at {{.Time}} NOT NULL
);
CREATE INDEX rate_limits_end ON rate_limits (ends_at);

-- +goose Down
DROP TABLE rate_limits;
DROP TABLE idempotency_keys;
DROP TABLE feed;
DROP TABLE outbox;
DROP TABLE alerts;
DROP TABLE attempts;
DROP TABLE webhook_messages;
DROP TABLE delivery_items;
DROP TABLE deliveries;
DROP TABLE publication_items;
DROP TABLE publications;
DROP TABLE destinations;
DROP TABLE actions;
DROP TABLE events;
DROP TABLE items;
DROP TABLE assignments;
DROP TABLE tasks;
{{if eq .Dialect "sqlite"}}DROP TABLE work_order_search;{{end}}
DROP TABLE work_orders;
{{if eq .Dialect "postgres"}}DROP FUNCTION order_terms;{{end}}
DROP TABLE properties;
DROP TABLE tokens;
DROP TABLE users;
DROP TABLE roles;
DROP TABLE accounts;
