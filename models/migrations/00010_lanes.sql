-- +goose Up
-- The survey of a task as its sender named it, which an answer names again.
ALTER TABLE tasks ADD COLUMN survey_named TEXT NOT NULL DEFAULT '';
-- The entry by which a resting peer was last probed: the next probe is another.
ALTER TABLE destinations ADD COLUMN probed TEXT NOT NULL DEFAULT '';
CREATE INDEX client_messages_waiting ON client_messages (destination_id, next_attempt_at) WHERE state IN ('pending', 'retrying');

-- +goose Down
DROP INDEX client_messages_waiting;
ALTER TABLE destinations DROP COLUMN probed;
ALTER TABLE tasks DROP COLUMN survey_named;
