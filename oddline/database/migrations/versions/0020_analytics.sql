-- Rollups: how many entries came, counted once for every page that asks.

-- `step` in seconds: a minute, an hour, a day; `slot` is where it begins. `arrival_day` is the latest of its entries', so
-- that a rollup goes with them.
CREATE TABLE rollups (
    project_id uuid NOT NULL,
    step integer NOT NULL CHECK (step IN (60, 3600, 86400)),
    slot timestamptz NOT NULL,
    source_id integer NOT NULL,
    arrival_day date NOT NULL,
    entries bigint NOT NULL,
    anomalies bigint NOT NULL,
    unspecified bigint NOT NULL,
    trace bigint NOT NULL,
    debug bigint NOT NULL,
    info bigint NOT NULL,
    warn bigint NOT NULL,
    error bigint NOT NULL,
    fatal bigint NOT NULL,
    highest_score real NOT NULL,
    PRIMARY KEY (project_id, step, slot, source_id)
);

-- One row for all patterns of a source: a row a pattern would be a row a line where every line is new.
CREATE TABLE pattern_rollups (
    project_id uuid NOT NULL,
    step integer NOT NULL CHECK (step IN (300, 3600)),
    slot timestamptz NOT NULL,
    source_id integer NOT NULL,
    arrival_day date NOT NULL,
    pattern_ids integer[] NOT NULL,
    entries bigint[] NOT NULL,
    anomalies bigint[] NOT NULL,
    PRIMARY KEY (project_id, step, slot, source_id)
);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['rollups', 'pattern_rollups'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_console
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;
GRANT SELECT ON rollups, pattern_rollups, source_patterns TO oddline_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON rollups, pattern_rollups TO oddline_worker;
