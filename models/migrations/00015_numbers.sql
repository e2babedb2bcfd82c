-- +goose Up
-- The number by which a login of the wire knows an order, fixed when the login is first told of it. Every order that was
-- ever assigned to a login gets what the rule before gave: the number, with the client code before it where two clients
-- share the number.
CREATE TABLE peer_numbers (
    user_id TEXT NOT NULL REFERENCES users (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    number TEXT NOT NULL,
    number_key TEXT NOT NULL,
    PRIMARY KEY (user_id, work_order_id),
    UNIQUE (user_id, number_key)
);
INSERT INTO peer_numbers (user_id, work_order_id, account_id, number, number_key)
SELECT user_id, work_order_id, account_id, CASE WHEN n = 1 THEN name ELSE name || '__' || n END, lower(CASE WHEN n = 1 THEN name ELSE name || '__' || n END)
FROM (
    SELECT named.*, ROW_NUMBER() OVER (PARTITION BY user_id, lower(name) ORDER BY hidden, current DESC, seq DESC) AS n
    FROM (
        SELECT users.id AS user_id, o.id AS work_order_id, o.account_id, o.hidden, o.seq, CASE WHEN o.assignee_id = users.id OR o.assigned_to_all THEN 1 ELSE 0 END AS current,
            CASE WHEN shared.number IS NULL OR o.client_code = '' THEN o.number ELSE o.client_code || '::' || o.number END AS name
        FROM work_orders o
        JOIN users ON users.account_id = o.account_id AND users.role = 'subcontractor'
        LEFT JOIN (SELECT account_id, number FROM work_orders GROUP BY account_id, number HAVING COUNT(DISTINCT client_code) > 1) AS shared
            ON shared.account_id = o.account_id AND shared.number = o.number
        WHERE EXISTS (SELECT 1 FROM assignments a WHERE a.work_order_id = o.id AND (a.user_id = users.id OR a.user_id IS NULL))
            AND NOT (o.imported_status <> '' AND o.state = 'closed')
    ) AS named
) AS ranked
WHERE true
ORDER BY n
ON CONFLICT DO NOTHING;
-- By which number a source knows an order is asked by the order too.
CREATE INDEX received_orders_order ON received_orders (work_order_id);

-- +goose Down
DROP INDEX received_orders_order;
DROP TABLE peer_numbers;
