-- Sequences by window and by attribute, what people say of sequences, and runs that cannot read.

-- How entries without a session are put together: by an attribute's value; what has none, by windows of so many seconds.
ALTER TABLE sources
    ADD COLUMN session_attribute text CHECK (session_attribute <> ''),
    ADD COLUMN sequence_window integer CHECK (sequence_window BETWEEN 10 AND 3600);
GRANT UPDATE (session_attribute, sequence_window) ON sources TO oddline_console;

-- 'session', 'attribute:<name>' or 'window:<seconds>': what is usual differs, so each is learned by itself.
ALTER TABLE sequence_sources ADD COLUMN grouping text NOT NULL DEFAULT 'session',
    DROP CONSTRAINT sequence_sources_pkey, ADD PRIMARY KEY (project_id, source_id, grouping);

-- Runs in a row that could not read something of a project.
CREATE TABLE sequence_stalls (
    project_id uuid PRIMARY KEY,
    runs smallint NOT NULL
);

-- The steps (pattern ids) of each odd sequence that is told; `key` is the same for all that may be nearly alike.
CREATE TABLE odd_sequences (
    project_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    kind text NOT NULL DEFAULT 'sequence' CHECK (kind = 'sequence'),
    source_id integer NOT NULL,
    grouping text NOT NULL,
    key bytea NOT NULL,
    steps bytea NOT NULL,
    PRIMARY KEY (project_id, entry_id),
    FOREIGN KEY (project_id, entry_id, kind) REFERENCES odd_entries (project_id, id, kind) ON DELETE CASCADE
);
CREATE INDEX odd_sequences_alike ON odd_sequences (project_id, key);

CREATE TABLE sequence_feedback (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    entry_id uuid NOT NULL,     -- of the odd sequence that it was said of, which goes with its retention
    source_id integer NOT NULL,
    grouping text NOT NULL,
    key bytea NOT NULL,
    steps bytea NOT NULL,
    length integer NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('expected', 'confirmed')),
    note text NOT NULL,
    key_id uuid NOT NULL,
    since timestamptz NOT NULL,
    undone_at timestamptz,
    PRIMARY KEY (project_id, id)
);
CREATE INDEX sequence_feedback_source ON sequence_feedback (project_id, source_id, grouping);

-- The odd sequences that a verdict covers: `distance` is the share of steps that differ, 0 for the same.
CREATE TABLE sequence_feedback_entries (
    project_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    feedback_id uuid NOT NULL,
    distance real NOT NULL,
    PRIMARY KEY (project_id, entry_id, feedback_id),
    FOREIGN KEY (project_id, entry_id) REFERENCES odd_sequences (project_id, entry_id) ON DELETE CASCADE,
    FOREIGN KEY (project_id, feedback_id) REFERENCES sequence_feedback (project_id, id) ON DELETE CASCADE
);
CREATE INDEX sequence_feedback_entries_feedback ON sequence_feedback_entries (project_id, feedback_id);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['sequence_stalls', 'odd_sequences', 'sequence_feedback', 'sequence_feedback_entries'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console, oddline_search
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;
GRANT SELECT ON sequence_feedback, sequence_feedback_entries TO oddline_console, oddline_search;
GRANT SELECT ON odd_sequences TO oddline_search;
GRANT INSERT ON sequence_feedback, sequence_feedback_entries TO oddline_search;
GRANT UPDATE (undone_at) ON sequence_feedback TO oddline_search;
GRANT SELECT, INSERT, UPDATE, DELETE ON sequence_stalls, odd_sequences, sequence_feedback, sequence_feedback_entries TO oddline_worker;

-- Written and never read: the task's own row says when it was done.
ALTER TABLE replays DROP COLUMN finished_at;
