-- What is about people is encrypted; operators hold queues, restart workers, limit tasks, and see what workers do.

-- Recipients and detail, encrypted; beside it recipients stand masked and detail is empty. Null in rows of the version
-- before, which renew_encryption encrypts.
ALTER TABLE deliveries ADD COLUMN sealed text;

-- From these nobody takes work, and it is not published: it waits in the ledger.
CREATE TABLE queue_holds (
    queue text PRIMARY KEY,
    held_at timestamptz NOT NULL,
    held_by text NOT NULL,
    reason text NOT NULL
);
GRANT SELECT, INSERT, DELETE ON queue_holds TO oddline_console, oddline_worker;

-- Workers of a class that were started before this are to end, one after the other, and be started again.
CREATE TABLE worker_restarts (
    class text PRIMARY KEY,
    asked_at timestamptz NOT NULL,
    asked_by text NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON worker_restarts TO oddline_console, oddline_worker;

-- Instead of the limits in the catalogue; for each worker by itself.
CREATE TABLE rate_limits (
    task text PRIMARY KEY,
    rate text NOT NULL,
    set_at timestamptz NOT NULL,
    set_by text NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits TO oddline_console, oddline_worker;

ALTER TABLE workers
    ADD COLUMN ending_at timestamptz,   -- it was asked to end
    ADD COLUMN stats jsonb NOT NULL DEFAULT '{}';   -- of its main process

CREATE TABLE worker_processes (
    name text PRIMARY KEY,  -- as tasks.worker and submission_state.worker have it
    worker text NOT NULL REFERENCES workers (name) ON DELETE CASCADE,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    stats jsonb NOT NULL
);
CREATE INDEX worker_processes_worker ON worker_processes (worker);
GRANT SELECT, INSERT, UPDATE, DELETE ON worker_processes TO oddline_worker;
GRANT SELECT ON worker_processes TO oddline_console;

-- Of all projects, for the operator's pages: what kind of work it is, and nothing of what is in it or whose it is.
CREATE FUNCTION work_in_hand()
    RETURNS TABLE (worker text, name text, task_id uuid, attempt smallint, since timestamptz, progress real, submissions bigint, entries bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT worker, name, id, attempt, started_at, progress, NULL::bigint, NULL::bigint FROM public.tasks
        WHERE state IN ('STARTED', 'PROGRESS')
        UNION ALL
        SELECT worker, 'score_waiting', NULL, max(attempt), NULL, NULL, count(*), sum(entries) FROM public.submission_state
        WHERE state = 'claimed' GROUP BY worker
    $$;
CREATE FUNCTION work_waiting(moment timestamptz)
    RETURNS TABLE (queue text, due bigint, later bigint, oldest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT queue, count(*) FILTER (WHERE not_before IS NULL OR not_before <= moment),
               count(*) FILTER (WHERE not_before > moment),
               min(coalesce(not_before, created_at)) FILTER (WHERE not_before IS NULL OR not_before <= moment)
        FROM public.tasks WHERE state IN ('PENDING', 'RETRY') GROUP BY queue
        UNION ALL
        SELECT 'analysis', count(*) FILTER (WHERE not_before IS NULL OR not_before <= moment),
               count(*) FILTER (WHERE not_before > moment), min(received_at)
        FROM public.submission_state WHERE state = 'accepted'
    $$;
REVOKE ALL ON FUNCTION work_in_hand, work_waiting FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work_in_hand, work_waiting TO oddline_console, oddline_worker;
