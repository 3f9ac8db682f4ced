-- The detector: thresholds that keep a promise, verdicts of people, sequences, models.

-- What a source knows, and what people say of it

-- Both change once a day, unlike `last_seen`: an index on them costs the day's other updates nothing.
ALTER TABLE source_patterns ADD COLUMN days_seen integer NOT NULL DEFAULT 1, ADD COLUMN last_day date;
-- What was known before stays so, as far as the old columns tell.
UPDATE source_patterns SET last_day = (last_seen AT TIME ZONE 'UTC')::date,
    days_seen = 1 + (last_seen AT TIME ZONE 'UTC')::date - (first_seen AT TIME ZONE 'UTC')::date;
-- Workers of the version before go on until they are replaced: they know none of the new columns.
ALTER TABLE source_patterns ALTER COLUMN last_day SET NOT NULL,
    ALTER COLUMN last_day SET DEFAULT (now() AT TIME ZONE 'UTC')::date;
CREATE INDEX source_patterns_last ON source_patterns (project_id, source_id, last_day, days_seen);

CREATE TABLE feedback (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    source_id integer,      -- NULL: all sources of the project
    pattern_id integer NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('expected', 'confirmed')),
    note text NOT NULL,
    key_id uuid NOT NULL,
    since timestamptz NOT NULL,
    undone_at timestamptz,
    PRIMARY KEY (project_id, id)
);
CREATE INDEX feedback_in_force ON feedback (project_id, pattern_id) WHERE undone_at IS NULL;

-- The patterns of past odd entries that a verdict covers: its own, at distance 0, and the similar ones.
CREATE TABLE feedback_patterns (
    project_id uuid NOT NULL,
    pattern_id integer NOT NULL,
    feedback_id uuid NOT NULL,
    distance real NOT NULL,
    PRIMARY KEY (project_id, pattern_id, feedback_id),
    FOREIGN KEY (project_id, feedback_id) REFERENCES feedback (project_id, id) ON DELETE CASCADE
);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['feedback', 'feedback_patterns'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console, oddline_search
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;
GRANT SELECT ON feedback, feedback_patterns TO oddline_console, oddline_search;
-- The search function takes verdicts: it can read the entry that one is about, and compare embeddings.
GRANT SELECT ON pattern_memo TO oddline_search;
GRANT INSERT ON feedback, feedback_patterns TO oddline_search;
GRANT UPDATE (undone_at) ON feedback TO oddline_search;
GRANT SELECT, INSERT, UPDATE, DELETE ON feedback, feedback_patterns TO oddline_worker;


-- Models: which there are, which of them scores, and what other models say of the past.
-- They belong to no project: the operator's side alone writes them.

CREATE TABLE models (
    version text PRIMARY KEY,
    config_sha256 text NOT NULL,
    default_threshold real NOT NULL,
    bytes bigint NOT NULL,
    metrics jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL CHECK (state IN ('adding', 'ready', 'failing')),
    error text,
    added_by text NOT NULL,
    added_at timestamptz NOT NULL
);

-- One row. NULL is the model that comes with the installation, as live, and no model at all, as shadow.
CREATE TABLE model_choice (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    live text REFERENCES models (version),
    shadow text REFERENCES models (version),
    shadow_since timestamptz
);
INSERT INTO model_choice DEFAULT VALUES;

CREATE TABLE model_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action text NOT NULL CHECK (action IN ('promote', 'rollback', 'shadow')),
    before text,
    after text,
    undone boolean NOT NULL DEFAULT false,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);

GRANT SELECT ON models, model_choice, model_history TO oddline_console, oddline_search;
GRANT SELECT, INSERT, UPDATE ON models, model_choice, model_history TO oddline_worker;

CREATE TABLE replays (
    id uuid PRIMARY KEY,    -- that of its task
    project_id uuid NOT NULL,
    model_version text NOT NULL,
    source text,
    time_from timestamptz NOT NULL,
    time_to timestamptz NOT NULL,
    stalls smallint NOT NULL DEFAULT 0,
    is_mixed boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    finished_at timestamptz
);

-- The list of chunks, fixed when the replay begins; `sidecar_id` says which are done.
CREATE TABLE replay_chunks (
    project_id uuid NOT NULL,
    replay_id uuid NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    chunk_id uuid NOT NULL,
    entries integer NOT NULL,
    lowest_id uuid NOT NULL,
    highest_id uuid NOT NULL,
    lowest_time timestamptz NOT NULL,
    highest_time timestamptz NOT NULL,
    sidecar_id uuid,
    PRIMARY KEY (replay_id, chunk_id)
);
CREATE INDEX replay_chunks_left ON replay_chunks (replay_id, lowest_time, chunk_id) WHERE sidecar_id IS NULL;

CREATE TABLE replay_sidecars (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL,
    replay_id uuid NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    entries integer NOT NULL,
    lowest_id uuid NOT NULL,
    highest_id uuid NOT NULL,
    lowest_time timestamptz NOT NULL,
    highest_time timestamptz NOT NULL,
    object_key text NOT NULL
);
CREATE INDEX replay_sidecars_time ON replay_sidecars (replay_id, highest_time);

CREATE TABLE replay_patterns (
    project_id uuid NOT NULL,
    replay_id uuid NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    source_id integer NOT NULL,
    pattern_id integer NOT NULL,
    entries bigint NOT NULL,
    score_sum double precision NOT NULL,
    replayed_sum double precision NOT NULL,
    anomalies bigint NOT NULL,
    replayed_anomalies bigint NOT NULL,
    became_odd bigint NOT NULL,
    became_normal bigint NOT NULL,
    PRIMARY KEY (replay_id, source_id, pattern_id)
);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['replays', 'replay_chunks', 'replay_sidecars', 'replay_patterns'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console, oddline_search
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;
GRANT SELECT ON replays, replay_sidecars TO oddline_search;
GRANT SELECT, INSERT, UPDATE, DELETE ON replays, replay_chunks, replay_sidecars, replay_patterns TO oddline_worker;

-- Calibration: at most so many false alarms a day

-- The n-th score and number of anomalies belong to the n-th of pattern_ids; empty in what was born before.
ALTER TABLE hot_chunks
    ADD COLUMN pattern_scores real[] NOT NULL DEFAULT '{}',
    ADD COLUMN pattern_anomalies integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN model_version text NOT NULL DEFAULT '',
    ADD COLUMN analyzed_at timestamptz;
ALTER TABLE projects ADD COLUMN alarms_per_day real CHECK (alarms_per_day > 0 AND alarms_per_day <= 100);
ALTER TABLE sources ADD COLUMN alarms_per_day real CHECK (alarms_per_day > 0 AND alarms_per_day <= 100);

-- What people set. Where nobody asked for a number it is 30: more than anybody looks at of one source, day after
-- day.
CREATE VIEW source_thresholds WITH (security_invoker = true) AS
    SELECT s.project_id, s.id AS source_id, s.threshold AS fixed,
           coalesce(s.alarms_per_day, p.alarms_per_day, 30) AS alarms_per_day,
           coalesce(s.alarms_per_day, p.alarms_per_day) IS NOT NULL AS is_asked
    FROM sources s JOIN projects p ON p.id = s.project_id;

-- What is odd is not told by score and threshold alone: a cap may have refused it.
ALTER TABLE odd_entries ADD COLUMN is_anomaly boolean;
UPDATE odd_entries SET is_anomaly = score >= threshold;
ALTER TABLE odd_entries ALTER COLUMN is_anomaly SET NOT NULL, ALTER COLUMN is_anomaly SET DEFAULT true;

-- One row per source and day (and model, on the day of a change). Hours are those of the day, 0 to 23; bit n of
-- active_hours is set where entries came in hour n.
CREATE TABLE incident_days (
    project_id uuid NOT NULL,
    source_id integer NOT NULL,
    day date NOT NULL,
    model_version text NOT NULL,
    active_hours integer NOT NULL,
    hours smallint[] NOT NULL,
    patterns integer[] NOT NULL,
    scores real[] NOT NULL,
    alarmed boolean[] NOT NULL,
    PRIMARY KEY (project_id, source_id, day, model_version)
);

-- What was found for one source and model. Hours are counted from 1970. The threshold is NULL during the warm-up, for
-- which incidents are granted one by one; `alarms_per_day` and `is_asked` are what the threshold was made for.
CREATE TABLE source_calibration (
    project_id uuid NOT NULL,
    source_id integer NOT NULL,
    model_version text NOT NULL,
    default_threshold real NOT NULL,
    started_at timestamptz NOT NULL,
    granted_hours integer[] NOT NULL DEFAULT '{}',
    granted_patterns integer[] NOT NULL DEFAULT '{}',
    last_hour integer,
    version smallint NOT NULL DEFAULT 0,
    threshold real CHECK (threshold BETWEEN 0 AND 1),
    alarms_per_day real,
    is_asked boolean,
    calibrated_hour integer,
    counted_hour integer,
    drift text CHECK (drift IN ('scores', 'number')),
    drift_since timestamptz,
    PRIMARY KEY (project_id, source_id, model_version)
);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['incident_days', 'source_calibration'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console, oddline_search
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;
GRANT SELECT ON incident_days, source_calibration, source_thresholds TO oddline_console;
GRANT UPDATE (alarms_per_day) ON projects, sources TO oddline_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON incident_days, source_calibration TO oddline_worker;
GRANT SELECT ON source_thresholds TO oddline_worker;


-- Sequences: sessions as a whole. The steps of open ones, and what each source's closed ones were.

CREATE TABLE open_sequences (
    project_id uuid PRIMARY KEY,
    entries bytea NOT NULL
);
ALTER TABLE open_sequences ALTER COLUMN entries SET STORAGE EXTERNAL;

CREATE TABLE sequence_sources (
    project_id uuid NOT NULL,
    source_id integer NOT NULL,
    sessions bigint NOT NULL,
    training bytea NOT NULL,
    profile bytea,          -- NULL until enough was seen
    fitted_sessions bigint NOT NULL DEFAULT 0,
    fitted_at timestamptz,
    PRIMARY KEY (project_id, source_id)
);
ALTER TABLE sequence_sources ALTER COLUMN training SET STORAGE EXTERNAL, ALTER COLUMN profile SET STORAGE EXTERNAL;

ALTER TABLE odd_entries DROP CONSTRAINT odd_entries_kind_check,
    ADD CONSTRAINT odd_entries_kind_check CHECK (kind IN ('anomaly', 'peak', 'sequence'));

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['open_sequences', 'sequence_sources'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON open_sequences, sequence_sources TO oddline_worker;
