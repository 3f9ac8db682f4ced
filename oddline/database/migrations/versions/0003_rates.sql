-- Rates: how often each pattern of a source comes, and what is usual for it.

-- One row per source. `recent` changes with each bin, `season` once an hour; `due_at` is when to look at a source
-- even if nothing comes in, NULL while it has been silent for so long that nothing more is to be said.
CREATE TABLE rate_sources (
    project_id uuid NOT NULL,
    source_id integer NOT NULL,
    version bigint NOT NULL,
    recent bytea NOT NULL,
    season bytea,
    due_at timestamptz,
    PRIMARY KEY (project_id, source_id)
);
ALTER TABLE rate_sources ALTER COLUMN recent SET STORAGE EXTERNAL, ALTER COLUMN season SET STORAGE EXTERNAL;

ALTER TABLE odd_entries DROP CONSTRAINT odd_entries_kind_check,
    ADD CONSTRAINT odd_entries_kind_check CHECK (kind IN ('anomaly', 'peak', 'sequence', 'rate'));

ALTER TABLE rate_sources ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON rate_sources TO oddline_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_sources TO oddline_worker;
