-- +goose Up
-- One action on many orders: which, was fixed when it was asked for. What became of each stands in its rows.
CREATE TABLE bulks (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    action TEXT NOT NULL,
    parameters {{.JSON}} NOT NULL,
    filter {{.JSON}} NOT NULL,
    repeats TEXT NOT NULL,
    state TEXT NOT NULL,
    cancel_asked {{.Bool}} NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at {{.Time}} NOT NULL,
    updated_at {{.Time}} NOT NULL,
    ended_at {{.Time}}
);
CREATE INDEX bulks_account ON bulks (account_id, id);
CREATE INDEX bulks_open ON bulks (account_id, id) WHERE ended_at IS NULL;

CREATE TABLE bulk_rows (
    bulk_id TEXT NOT NULL REFERENCES bulks (id),
    position BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    work_order_id TEXT NOT NULL,
    number TEXT NOT NULL,
    result TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    errors {{.JSON}},
    tries BIGINT NOT NULL,
    PRIMARY KEY (bulk_id, position)
);
CREATE INDEX bulk_rows_result ON bulk_rows (bulk_id, result, position);

-- What fields were before they were changed. It stands apart from the history, which others than the office read.
CREATE TABLE field_changes (
    id {{.Sequence}},
    account_id TEXT NOT NULL REFERENCES accounts (id),
    work_order_id TEXT NOT NULL,
    field TEXT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    at {{.Time}} NOT NULL
);
CREATE INDEX field_changes_order ON field_changes (work_order_id, id);

-- The cells of an imported row, so that those that were rejected can be mended and come again.
ALTER TABLE imports ADD COLUMN headers {{.JSON}};
ALTER TABLE import_rows ADD COLUMN cells {{.JSON}};
CREATE INDEX import_rows_result ON import_rows (import_id, result, line);

-- +goose Down
DROP INDEX import_rows_result;
ALTER TABLE import_rows DROP COLUMN cells;
ALTER TABLE imports DROP COLUMN headers;
DROP TABLE field_changes;
DROP TABLE bulk_rows;
DROP TABLE bulks;
