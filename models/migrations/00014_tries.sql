-- +goose Up
-- Until when a message to a client's system is tried: somebody who asks for another try gives it the whole time again.
ALTER TABLE client_messages ADD COLUMN give_up_at {{.Time}};
{{if eq .Dialect "sqlite"}}
UPDATE client_messages SET give_up_at = strftime('%Y-%m-%dT%H:%M:%f', created_at, '+3 days') || '000Z';
{{else}}
UPDATE client_messages SET give_up_at = created_at + INTERVAL '3 days';
{{end}}

-- +goose Down
ALTER TABLE client_messages DROP COLUMN give_up_at;
