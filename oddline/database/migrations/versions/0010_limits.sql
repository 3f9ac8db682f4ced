-- What projects may use, and what they have used.

-- What the operator grants a project where it is not what the settings say: requests a minute, entries and bytes a day;
-- 0 is no limit. The tenant's own side reads it and cannot change it.
CREATE TABLE project_limits (
    project_id uuid PRIMARY KEY REFERENCES projects (id),
    entries_a_day bigint CHECK (entries_a_day >= 0),
    bytes_a_day bigint CHECK (bytes_a_day >= 0),
    key_ingest integer CHECK (key_ingest >= 0),
    key_read integer CHECK (key_read >= 0),
    key_write integer CHECK (key_write >= 0),
    project_ingest integer CHECK (project_ingest >= 0),
    project_read integer CHECK (project_read >= 0),
    project_write integer CHECK (project_write >= 0)
);

-- What a project has sent on a UTC day, counted in the transaction that stores it; in several rows, since in a single one
-- its requests would wait for each other's commit.
CREATE TABLE usage_counts (
    project_id uuid NOT NULL,
    day date NOT NULL,
    shard smallint NOT NULL,
    entries bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (project_id, day, shard)
) WITH (fillfactor = 50);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['project_limits', 'usage_counts']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console, oddline_search
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;

GRANT SELECT ON project_limits TO oddline_ingest, oddline_console, oddline_search;
GRANT SELECT, INSERT, UPDATE ON project_limits TO oddline_worker;
GRANT SELECT, INSERT, UPDATE (entries, bytes) ON usage_counts TO oddline_ingest;
GRANT SELECT ON usage_counts TO oddline_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_counts TO oddline_worker;
