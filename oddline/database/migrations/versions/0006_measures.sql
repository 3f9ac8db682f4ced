-- What is measured each minute: how many workers serve each class, and for how long a transaction has been open.

-- Workers of the version before say none until they are replaced.
ALTER TABLE workers ADD COLUMN classes text[] NOT NULL DEFAULT '{}';

-- One row: the oldest transaction at the last look, and since when it is that. Whose it is, PostgreSQL tells no other role.
CREATE TABLE oldest_transaction (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    xid xid8 NOT NULL,
    since timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON oldest_transaction TO oddline_worker;
