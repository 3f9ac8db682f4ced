-- The spine: projects and keys, the inbox, chunks of entries, patterns, odd entries, the task ledger.
-- Roles exist already (oddline/database/roles.py). Row-level security binds every role but the owner; the project comes
-- from set_config('oddline.project', …, true) inside each transaction.

CREATE EXTENSION IF NOT EXISTS vector;
GRANT CREATE, USAGE ON SCHEMA public TO oddline_worker;
DO $$ BEGIN
    -- A temporary table could stand in for a real one in somebody else's function.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
GRANT USAGE ON SCHEMA public TO oddline_ingest, oddline_console, oddline_search;

CREATE FUNCTION oddline_project() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('oddline.project', true), '')::uuid $$;

-- One row. The era goes up at every logical restore, since transaction ids start low again there.
CREATE TABLE instance (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    era integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO instance DEFAULT VALUES;
GRANT SELECT ON instance TO oddline_console, oddline_search, oddline_worker;

-- Identity

CREATE TABLE projects (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    retention_days integer NOT NULL DEFAULT 30 CHECK (retention_days BETWEEN 1 AND 3650),
    mail_recipients text[] NOT NULL DEFAULT '{}',
    mail_minimum_score real NOT NULL DEFAULT 0,
    last_pattern integer NOT NULL DEFAULT 0,
    last_source integer NOT NULL DEFAULT 0
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id),
    name text NOT NULL,
    prefix text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    signing_secrets text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

-- Before it has been run nobody knows the project: so it is asked with the owner's rights, by the hash of the whole key.
CREATE FUNCTION find_api_key(key_hash bytea, moment timestamptz)
    RETURNS TABLE (key_id uuid, project_id uuid, scopes text[], signing_secrets text[], expires_at timestamptz, revoked_at timestamptz)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
        -- At most once a minute, and never waiting for another request that does the same.
        WITH stale AS (
            SELECT id FROM api_keys
            WHERE hash = key_hash AND (last_used_at IS NULL OR last_used_at < moment - interval '1 minute')
            FOR UPDATE SKIP LOCKED
        ), touched AS (
            UPDATE api_keys SET last_used_at = moment WHERE id IN (SELECT id FROM stale)
        )
        SELECT id, project_id, scopes, signing_secrets, expires_at, revoked_at FROM api_keys WHERE hash = key_hash
    $$;
CREATE FUNCTION find_project(project_name text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT id FROM projects WHERE name = project_name $$;
REVOKE ALL ON FUNCTION find_api_key, find_project FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key, find_project TO oddline_ingest, oddline_console, oddline_search, oddline_worker;

-- The inbox. Partitioned tables belong to the worker, which makes and drops their partitions.

CREATE TABLE submissions (
    id uuid NOT NULL,
    day date NOT NULL,
    project_id uuid NOT NULL,
    body bytea,
    body_object text,
    PRIMARY KEY (id, day),
    CHECK ((body IS NULL) <> (body_object IS NULL))
) PARTITION BY RANGE (day);
ALTER TABLE submissions ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE submission_state (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL,
    body_day date NOT NULL,
    received_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'accepted' CHECK (state IN ('accepted', 'claimed', 'done', 'dead', 'dropped')),
    entries integer NOT NULL CHECK (entries BETWEEN 1 AND 16384),
    attempt smallint NOT NULL DEFAULT 0,
    not_before timestamptz,
    lease_until timestamptz,
    worker text,
    anomalies integer,
    highest_score real,
    chunk_ids uuid[],
    result jsonb,
    error text,
    finished_at timestamptz
);
CREATE INDEX submission_state_waiting ON submission_state (project_id, id) WHERE state = 'accepted';
CREATE INDEX submission_state_retried ON submission_state (id) WHERE state = 'accepted' AND attempt > 0;
CREATE INDEX submission_state_claimed ON submission_state (lease_until) WHERE state = 'claimed';
CREATE INDEX submission_state_dead ON submission_state (project_id, id) WHERE state = 'dead';
CREATE INDEX submission_state_finished ON submission_state (finished_at) WHERE state IN ('done', 'dropped');

CREATE TABLE idempotency_keys (
    project_id uuid NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    submission_id uuid NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- What was accepted, stored, dead and dropped, per arrival day, once the rows that say so singly are gone.
CREATE TABLE day_counts (
    project_id uuid NOT NULL,
    day date NOT NULL,
    accepted bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    dropped bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (project_id, day)
);

-- Patterns and sources

CREATE TABLE sources (
    project_id uuid NOT NULL,
    id integer NOT NULL,
    name text NOT NULL,
    threshold real CHECK (threshold BETWEEN 0 AND 1),
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    entries bigint NOT NULL DEFAULT 0,
    histogram bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, name)
);

CREATE TABLE patterns (
    project_id uuid NOT NULL,
    id integer NOT NULL,
    mask_version smallint NOT NULL,
    hash bytea NOT NULL,
    pattern text NOT NULL,
    first_seen timestamptz NOT NULL,
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, mask_version, hash)
);

CREATE TABLE pattern_memo (
    project_id uuid NOT NULL,
    pattern_id integer NOT NULL,
    model_version text NOT NULL,
    severity_logit real NOT NULL,
    tokens text[] NOT NULL,
    shares bytea NOT NULL,
    embedding bytea NOT NULL,
    PRIMARY KEY (project_id, model_version, pattern_id)
);

CREATE TABLE source_patterns (
    project_id uuid NOT NULL,
    source_id integer NOT NULL,
    pattern_id integer NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    entries bigint NOT NULL,
    PRIMARY KEY (project_id, source_id, pattern_id)
);

-- Chunks

CREATE TABLE hot_chunks (
    id uuid NOT NULL,
    arrival_day date NOT NULL,
    project_id uuid NOT NULL,
    era integer NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    format text NOT NULL CHECK (format IN ('parquet', 'jsonl')),
    schema_version smallint NOT NULL,
    late boolean NOT NULL,
    lowest_id uuid NOT NULL,
    highest_id uuid NOT NULL,
    lowest_time timestamptz NOT NULL,
    highest_time timestamptz NOT NULL,
    entries integer NOT NULL,
    anomalies integer NOT NULL,
    highest_score real NOT NULL,
    severities integer NOT NULL,
    source_ids integer[] NOT NULL,
    histograms integer[] NOT NULL,
    pattern_ids integer[] NOT NULL,
    pattern_sources integer[] NOT NULL,
    pattern_counts integer[] NOT NULL,
    token_filter bytea,
    blob bytea NOT NULL,
    created_at timestamptz NOT NULL,
    replaced_by uuid,
    replaced_at timestamptz,
    PRIMARY KEY (id, arrival_day)
) PARTITION BY RANGE (arrival_day);
ALTER TABLE hot_chunks ALTER COLUMN blob SET STORAGE EXTERNAL;
CREATE INDEX hot_chunks_time ON hot_chunks (project_id, highest_time) WHERE replaced_by IS NULL AND NOT late;
CREATE INDEX hot_chunks_late ON hot_chunks (project_id, highest_time) WHERE replaced_by IS NULL AND late;
CREATE INDEX hot_chunks_order ON hot_chunks (project_id, era, xid, id);

CREATE TABLE compacted_chunks (
    id uuid PRIMARY KEY,
    arrival_day date NOT NULL,
    project_id uuid NOT NULL,
    level smallint NOT NULL CHECK (level IN (1, 2)),
    schema_version smallint NOT NULL,
    late boolean NOT NULL,
    lowest_id uuid NOT NULL,
    highest_id uuid NOT NULL,
    lowest_time timestamptz NOT NULL,
    highest_time timestamptz NOT NULL,
    entries integer NOT NULL,
    anomalies integer NOT NULL,
    highest_score real NOT NULL,
    severities integer NOT NULL,
    source_ids integer[] NOT NULL,
    pattern_ids integer[] NOT NULL,
    token_filter bytea,
    bytes integer NOT NULL,
    blob bytea,
    object_key text,
    footer_offset integer NOT NULL,
    row_groups jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    replaced_by uuid,
    replaced_at timestamptz,
    CHECK ((blob IS NULL) <> (object_key IS NULL))
);
ALTER TABLE compacted_chunks ALTER COLUMN blob SET STORAGE EXTERNAL;
CREATE INDEX compacted_chunks_time ON compacted_chunks (project_id, highest_time) WHERE replaced_by IS NULL AND NOT late;
CREATE INDEX compacted_chunks_late ON compacted_chunks (project_id, highest_time) WHERE replaced_by IS NULL AND late;
CREATE INDEX compacted_chunks_day ON compacted_chunks (arrival_day, project_id, level);
CREATE INDEX compacted_chunks_replaced ON compacted_chunks (replaced_at) WHERE replaced_by IS NOT NULL;

-- What readers may still hold a page of: deleted an hour after it was replaced or went past its retention.
CREATE TABLE doomed_objects (
    object_key text PRIMARY KEY,
    delete_after timestamptz NOT NULL
);

CREATE TABLE cursors (
    project_id uuid NOT NULL,
    consumer text NOT NULL,
    era integer NOT NULL,
    xid xid8 NOT NULL,
    chunk_id uuid NOT NULL,
    PRIMARY KEY (project_id, consumer)
);

CREATE TABLE odd_entries (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('anomaly', 'peak')),
    arrival_day date NOT NULL,
    hour timestamptz NOT NULL,
    timestamp timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    analyzed_at timestamptz NOT NULL,
    severity_number smallint NOT NULL,
    severity_text text NOT NULL,
    source_id integer NOT NULL,
    source text NOT NULL,
    message text NOT NULL,
    attributes text NOT NULL,
    score real NOT NULL,
    threshold real NOT NULL,
    model_version text NOT NULL,
    pattern_id integer NOT NULL,
    count integer NOT NULL,
    chunk_id uuid NOT NULL,
    explanation jsonb NOT NULL,
    PRIMARY KEY (project_id, id, kind)
);
CREATE UNIQUE INDEX odd_entries_peak ON odd_entries (project_id, source_id, hour) WHERE kind = 'peak';
CREATE INDEX odd_entries_newest ON odd_entries (project_id, kind, timestamp DESC, id DESC);
CREATE INDEX odd_entries_oddest ON odd_entries (project_id, kind, score DESC, id DESC);
CREATE INDEX odd_entries_arrival ON odd_entries (project_id, arrival_day);

-- Tasks

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    project_id uuid,
    name text NOT NULL,
    queue text NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'PENDING'
        CHECK (state IN ('PENDING', 'STARTED', 'PROGRESS', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED')),
    attempt smallint NOT NULL DEFAULT 0,
    not_before timestamptz,
    lease_until timestamptz,
    worker text,
    progress real,
    result jsonb,
    error text,
    parent_id uuid,         -- these three are the place of workflows: parent, children left, next step
    children_left integer,
    next_step jsonb,
    unique_key text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    expires_at timestamptz
);
CREATE INDEX tasks_waiting ON tasks (not_before) WHERE state IN ('PENDING', 'RETRY');
CREATE INDEX tasks_running ON tasks (lease_until) WHERE state IN ('STARTED', 'PROGRESS');
CREATE INDEX tasks_dead ON tasks (project_id, id) WHERE state = 'FAILURE';
CREATE INDEX tasks_newest ON tasks (project_id, id);
CREATE INDEX tasks_expired ON tasks (expires_at) WHERE expires_at IS NOT NULL;
CREATE UNIQUE INDEX tasks_unique ON tasks (unique_key) WHERE unique_key IS NOT NULL AND state IN ('PENDING', 'RETRY');

CREATE TABLE workers (
    name text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE health_checks (
    part text PRIMARY KEY,
    healthy boolean NOT NULL,
    detail text NOT NULL,
    checked_at timestamptz NOT NULL
);

CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    project_id uuid,
    task_id uuid NOT NULL,
    channel text NOT NULL,
    recipients text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('sent', 'failed')),
    detail text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX deliveries_task ON deliveries (task_id);

-- Searches see what was born and what it was merged into as one list.
CREATE VIEW chunks WITH (security_invoker = true) AS
    SELECT id, project_id, arrival_day, 0::smallint AS level, format, schema_version, late, lowest_id, highest_id,
           lowest_time, highest_time, entries, anomalies, highest_score, severities, source_ids, pattern_ids, token_filter,
           length(blob) AS bytes, NULL::text AS object_key, 0 AS footer_offset, NULL::jsonb AS row_groups, replaced_by
    FROM hot_chunks
    UNION ALL
    SELECT id, project_id, arrival_day, level, 'parquet', schema_version, late, lowest_id, highest_id,
           lowest_time, highest_time, entries, anomalies, highest_score, severities, source_ids, pattern_ids, token_filter,
           bytes, object_key, footer_offset, row_groups, replaced_by
    FROM compacted_chunks;

-- The scoring of a submission is a task too; its row is the submission's state.
CREATE VIEW scorings WITH (security_invoker = true) AS
    SELECT id, project_id, 'score_waiting' AS name,
           CASE state WHEN 'accepted' THEN CASE attempt WHEN 0 THEN 'PENDING' ELSE 'RETRY' END
                      WHEN 'claimed' THEN 'STARTED' WHEN 'done' THEN 'SUCCESS' WHEN 'dead' THEN 'FAILURE' ELSE 'REVOKED' END AS state,
           attempt, received_at AS created_at, '{}'::jsonb AS payload, result, error, NULL::real AS progress, not_before,
           NULL::timestamptz AS started_at, finished_at, state AS submission_state
    FROM submission_state;
CREATE VIEW ledger WITH (security_invoker = true) AS
    SELECT id, project_id, name, state, attempt, created_at, payload, result, error, progress, not_before, started_at, finished_at
    FROM tasks
    UNION ALL
    SELECT id, project_id, name, state, attempt, created_at, payload, result, error, progress, not_before, started_at, finished_at
    FROM scorings;

-- Who may do what. The worker serves every project; all others see the one of their transaction.

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['projects', 'api_keys', 'submissions', 'submission_state', 'idempotency_keys', 'day_counts',
        'sources', 'patterns', 'pattern_memo', 'source_patterns', 'hot_chunks', 'compacted_chunks', 'cursors', 'odd_entries',
        'tasks', 'deliveries']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console, oddline_search
            USING (%I = (SELECT oddline_project())) WITH CHECK (%I = (SELECT oddline_project()))',
            guarded, CASE guarded WHEN 'projects' THEN 'id' ELSE 'project_id' END,
            CASE guarded WHEN 'projects' THEN 'id' ELSE 'project_id' END);
    END LOOP;
END $$;

GRANT INSERT ON submissions TO oddline_ingest;
GRANT INSERT ON submission_state TO oddline_ingest;
GRANT SELECT (id, project_id, state) ON submission_state TO oddline_ingest;
GRANT INSERT, SELECT, DELETE ON idempotency_keys TO oddline_ingest;

GRANT SELECT ON projects, submission_state, sources, patterns, odd_entries TO oddline_console, oddline_search;
GRANT SELECT ON tasks, scorings, ledger, deliveries TO oddline_console;
GRANT SELECT ON workers, health_checks TO oddline_console;
GRANT UPDATE (mail_recipients, mail_minimum_score, retention_days) ON projects TO oddline_console;
GRANT UPDATE (threshold) ON sources TO oddline_console;
GRANT UPDATE (state, attempt, not_before, lease_until, worker, error, finished_at) ON submission_state TO oddline_console;
GRANT INSERT, UPDATE ON tasks TO oddline_console;

GRANT SELECT ON hot_chunks, compacted_chunks, chunks TO oddline_search;

GRANT SELECT, INSERT, UPDATE, DELETE ON submission_state, idempotency_keys, day_counts, sources, patterns, pattern_memo, source_patterns,
    compacted_chunks, doomed_objects, cursors, odd_entries, tasks, workers, health_checks, deliveries TO oddline_worker;
-- The worker's side is the operator's too: the CLI makes projects and keys with it.
GRANT SELECT, INSERT, UPDATE ON projects, api_keys TO oddline_worker;
GRANT SELECT ON chunks, scorings, ledger TO oddline_worker;

ALTER TABLE submissions OWNER TO oddline_worker;
ALTER TABLE hot_chunks OWNER TO oddline_worker;
