-- +goose Up
-- What the sweeper goes on with stands behind what waits, once it has failed.
ALTER TABLE rescues ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rescues ADD COLUMN next_attempt_at {{.Time}};
ALTER TABLE uploads ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN next_attempt_at {{.Time}};

-- +goose Down
ALTER TABLE uploads DROP COLUMN next_attempt_at;
ALTER TABLE uploads DROP COLUMN attempts;
ALTER TABLE rescues DROP COLUMN next_attempt_at;
ALTER TABLE rescues DROP COLUMN attempts;
