-- +goose Up
-- Up to when changes of a peer have come in is by the peer's clock from now on: the next fetch asks for all, and finds what
-- clocks that differ have lost.
UPDATE integrations SET received_until = NULL WHERE kind IN ('external', 'share');

-- +goose Down
UPDATE integrations SET received_until = NULL WHERE kind IN ('external', 'share');
