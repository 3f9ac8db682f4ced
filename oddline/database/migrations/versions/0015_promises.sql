-- What a review found that was promised and did not hold.

-- Schedules

-- Until when the rights of `actor` are trusted whose role came by a claim of their token: no row says whether they have
-- it still. Null: a row says so, and is looked up at each run.
ALTER TABLE schedules ADD COLUMN rights_until timestamptz;
GRANT UPDATE (rights_until) ON schedules TO oddline_console;
GRANT SELECT (role) ON members TO oddline_worker;

-- The audit trail

-- Whatever is written, also by hand, can be read back and sealed. What stands there already is left to the sealing job.
ALTER TABLE audit_actions
    ADD CONSTRAINT audit_actions_at CHECK (at >= '1990-01-01' AND at < '9999-01-01') NOT VALID,
    ADD CONSTRAINT audit_actions_details CHECK (details IS JSON OBJECT) NOT VALID,
    ADD CONSTRAINT audit_actions_personal CHECK (encode(personal, 'escape') ~ '^[A-Za-z0-9_=-]+$') NOT VALID;

-- Requests that come again, of all routes that do something: submissions are known by whoever of the project sends them
-- (caller ''), all else by who asked. Answers of the latter are sealed, since some show a secret.
ALTER TABLE idempotency_keys
    ADD COLUMN caller text NOT NULL DEFAULT '',
    ALTER COLUMN submission_id DROP NOT NULL,
    DROP CONSTRAINT idempotency_keys_pkey,
    ADD PRIMARY KEY (project_id, caller, key);
-- Beside the project's: what takes logs sees what submissions were answered and nothing of what people asked for, and
-- the others what their caller was answered.
CREATE POLICY submissions ON idempotency_keys AS RESTRICTIVE TO oddline_ingest USING (caller = '') WITH CHECK (caller = '');
CREATE POLICY callers ON idempotency_keys AS RESTRICTIVE TO oddline_console, oddline_search
    USING (caller <> '' AND caller = current_setting('oddline.caller', true))
    WITH CHECK (caller <> '' AND caller = current_setting('oddline.caller', true));
GRANT SELECT, INSERT, DELETE, UPDATE (answer) ON idempotency_keys TO oddline_console, oddline_search;
