-- What operators do with tasks: cancel them, look at how they failed, replay them, but none for ever; and what they are told.

ALTER TABLE tasks
    ADD COLUMN cancelled_at timestamptz,    -- somebody wishes that it ends; whoever runs it sees to that
    ADD COLUMN replays smallint NOT NULL DEFAULT 0,
    ADD COLUMN failures jsonb NOT NULL DEFAULT '[]';    -- of the last attempts that failed: number, time, worker, error
ALTER TABLE submission_state
    ADD COLUMN replays smallint NOT NULL DEFAULT 0,
    ADD COLUMN failures jsonb NOT NULL DEFAULT '[]';
GRANT UPDATE (replays) ON submission_state TO oddline_console;

-- The patterns of a day's failures and cancels are looked at every few minutes.
CREATE INDEX tasks_ended_ill ON tasks (finished_at) WHERE state IN ('FAILURE', 'REVOKED');

CREATE OR REPLACE VIEW scorings WITH (security_invoker = true) AS
    SELECT id, project_id, 'score_waiting' AS name,
           CASE state WHEN 'accepted' THEN CASE attempt WHEN 0 THEN 'PENDING' ELSE 'RETRY' END
                      WHEN 'claimed' THEN 'STARTED' WHEN 'done' THEN 'SUCCESS' WHEN 'dead' THEN 'FAILURE' ELSE 'REVOKED' END AS state,
           attempt, received_at AS created_at, '{}'::jsonb AS payload, result, error, NULL::real AS progress, not_before,
           NULL::timestamptz AS started_at, finished_at, state AS submission_state, worker, NULL::timestamptz AS cancelled_at,
           replays, failures
    FROM submission_state;
CREATE OR REPLACE VIEW ledger WITH (security_invoker = true) AS
    SELECT id, project_id, name, state, attempt, created_at, payload, result, error, progress, not_before, started_at, finished_at,
           worker, cancelled_at, replays, failures
    FROM tasks
    UNION ALL
    SELECT id, project_id, name, state, attempt, created_at, payload, result, error, progress, not_before, started_at, finished_at,
           worker, cancelled_at, replays, failures
    FROM scorings;

-- What operators must hear of: one row for each kind and subject; project_id is null for what concerns no single one.
CREATE TABLE system_alerts (
    project_id uuid,
    kind text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL,   -- when the last task was made that tells operators
    count bigint NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (project_id, kind, subject)
);
ALTER TABLE system_alerts ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON system_alerts TO oddline_worker USING (true) WITH CHECK (true);
CREATE POLICY project ON system_alerts TO oddline_console
    USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()));
GRANT SELECT, INSERT, UPDATE ON system_alerts TO oddline_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON system_alerts TO oddline_worker;
