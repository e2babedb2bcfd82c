-- +goose Up
CREATE TABLE integrations (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    client_code TEXT NOT NULL,
    client_key TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    enabled {{.Bool}} NOT NULL,
    auto_admin {{.Bool}} NOT NULL,
    default_work_type TEXT NOT NULL,
    default_assignee TEXT NOT NULL,
    publish_to TEXT,
    qa_policy TEXT,
    settings {{.JSON}} NOT NULL,
    secrets TEXT NOT NULL,
    status TEXT NOT NULL,
    last_refresh_at {{.Time}},
    last_error TEXT NOT NULL,
    failures BIGINT NOT NULL,
    asked TEXT NOT NULL,
    fetching TEXT NOT NULL,
    retry_at {{.Time}},
    received_until {{.Time}},
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    deleted_at {{.Time}}
);
CREATE UNIQUE INDEX integrations_code ON integrations (account_id, client_key) WHERE deleted_at IS NULL;
CREATE INDEX integrations_account ON integrations (account_id, id);

CREATE TABLE push_keys (
    key_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    integration_id TEXT NOT NULL REFERENCES integrations (id),
    created_at {{.Time}} NOT NULL,
    ends_at {{.Time}}
);
CREATE INDEX push_keys_integration ON push_keys (integration_id);

-- What a source said last of each order, by which repeats and changes are told apart: a short hash a field.
CREATE TABLE received_orders (
    integration_id TEXT NOT NULL REFERENCES integrations (id),
    number TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL,
    status TEXT NOT NULL,
    assignee TEXT NOT NULL,
    fields {{.JSON}} NOT NULL,
    at {{.Time}} NOT NULL,
    PRIMARY KEY (integration_id, number)
);

CREATE TABLE integration_log (
    id {{.Sequence}},
    account_id TEXT NOT NULL REFERENCES accounts (id),
    integration_id TEXT NOT NULL REFERENCES integrations (id),
    at {{.Time}} NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    summary TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    import_id TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX integration_log_integration ON integration_log (integration_id, id);
CREATE INDEX integration_log_age ON integration_log (at);

CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    integration_id TEXT,
    format TEXT NOT NULL,
    file_name TEXT NOT NULL,
    blob_key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    mapping {{.JSON}} NOT NULL,
    client_code TEXT NOT NULL,
    dry_run {{.Bool}} NOT NULL,
    state TEXT NOT NULL,
    cancel_asked {{.Bool}} NOT NULL,
    total BIGINT NOT NULL,
    processed BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    error TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    ended_at {{.Time}}
);
CREATE INDEX imports_account ON imports (account_id, id);
CREATE INDEX imports_open ON imports (created_at) WHERE ended_at IS NULL;
CREATE INDEX imports_integration ON imports (integration_id, id) WHERE integration_id IS NOT NULL;

CREATE TABLE import_rows (
    import_id TEXT NOT NULL REFERENCES imports (id),
    line BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    number TEXT NOT NULL,
    result TEXT NOT NULL,
    work_order_id TEXT NOT NULL,
    messages {{.JSON}} NOT NULL,
    PRIMARY KEY (import_id, line)
);

CREATE TABLE import_mappings (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    headers TEXT NOT NULL,
    mapping {{.JSON}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    PRIMARY KEY (account_id, headers)
);

CREATE TABLE watched_files (
    integration_id TEXT NOT NULL REFERENCES integrations (id),
    path TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    size BIGINT NOT NULL,
    modified {{.Time}} NOT NULL,
    seen_at {{.Time}} NOT NULL,
    sha256 TEXT NOT NULL,
    import_id TEXT NOT NULL,
    PRIMARY KEY (integration_id, path)
);

CREATE TABLE surveys (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    template_id TEXT NOT NULL,
    template_key TEXT NOT NULL,
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    hash TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    deleted_at {{.Time}}
);
CREATE UNIQUE INDEX surveys_template ON surveys (account_id, template_key) WHERE deleted_at IS NULL;

CREATE TABLE survey_revisions (
    survey_id TEXT NOT NULL REFERENCES surveys (id),
    revision BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (survey_id, revision)
);

CREATE TABLE survey_templates (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    hash TEXT NOT NULL,
    template TEXT NOT NULL,
    PRIMARY KEY (account_id, hash)
);

ALTER TABLE tasks ADD COLUMN survey_id TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN survey_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN survey_answers TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN source_service TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN source_service_id TEXT NOT NULL DEFAULT '';

ALTER TABLE items ADD COLUMN survey_id TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN answers TEXT NOT NULL DEFAULT '';

ALTER TABLE work_orders ADD COLUMN integration_id TEXT;
ALTER TABLE work_orders ADD COLUMN invoiced {{.Bool}} NOT NULL DEFAULT {{if eq .Dialect "sqlite"}}0{{else}}FALSE{{end}};
ALTER TABLE work_orders ADD COLUMN imported_status TEXT NOT NULL DEFAULT '';

-- Bulk bells wait behind those for which somebody waits.
ALTER TABLE outbox ADD COLUMN bulk {{.Bool}} NOT NULL DEFAULT {{if eq .Dialect "sqlite"}}0{{else}}FALSE{{end}};
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (bulk, due_at);

-- Where a peer wants to be told that something changed for a user of ours.
CREATE TABLE peer_push_keys (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    sealed TEXT NOT NULL,
    updated_at {{.Time}} NOT NULL
);
CREATE INDEX assignments_user ON assignments (account_id, user_id, ended_at);

ALTER TABLE accounts ADD COLUMN alert_email TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN mailed_at {{.Time}};
ALTER TABLE alerts ADD COLUMN mail_due_at {{.Time}};
CREATE INDEX alerts_unmailed ON alerts (mail_due_at) WHERE mail_due_at IS NOT NULL;

{{if eq .Dialect "sqlite"}}
UPDATE roles SET privileges = json_insert(privileges, '$[#]', 'manage_integrations') WHERE name = 'admin';
{{else}}
UPDATE roles SET privileges = privileges || '["manage_integrations"]'::jsonb WHERE name = 'admin';
{{end}}

-- +goose Down
DROP INDEX alerts_unmailed;
ALTER TABLE alerts DROP COLUMN mail_due_at;
ALTER TABLE alerts DROP COLUMN mailed_at;
ALTER TABLE accounts DROP COLUMN alert_email;
DROP INDEX assignments_user;
DROP TABLE peer_push_keys;
DROP INDEX outbox_due;
ALTER TABLE outbox DROP COLUMN bulk;
CREATE INDEX outbox_due ON outbox (due_at);
ALTER TABLE work_orders DROP COLUMN imported_status;
ALTER TABLE work_orders DROP COLUMN invoiced;
ALTER TABLE work_orders DROP COLUMN integration_id;
ALTER TABLE items DROP COLUMN answers;
ALTER TABLE items DROP COLUMN survey_id;
ALTER TABLE tasks DROP COLUMN source_service_id;
ALTER TABLE tasks DROP COLUMN source_service;
ALTER TABLE tasks DROP COLUMN survey_answers;
ALTER TABLE tasks DROP COLUMN survey_hash;
ALTER TABLE tasks DROP COLUMN survey_id;
DROP TABLE survey_templates;
DROP TABLE survey_revisions;
DROP TABLE surveys;
DROP TABLE watched_files;
DROP TABLE import_mappings;
DROP TABLE import_rows;
DROP TABLE imports;
DROP TABLE integration_log;
DROP TABLE received_orders;
DROP TABLE push_keys;
DROP TABLE integrations;
