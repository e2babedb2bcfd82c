-- +goose Up
-- What a peer brought was judged as if a phone of ours had sent it: where we can't judge there is no verdict.
UPDATE items SET certified_item = NULL WHERE source IN ('share', 'integration');
UPDATE items SET certified_time = NULL WHERE source IN ('share', 'integration') AND NOT certified_time;

-- +goose Down
SELECT 1;
