-- Live connections: feeds of others that are polled.

-- `version` goes up with every page that is stored and with every change: who writes a page names the version that it
-- began with, so of two that poll at once one writes.
CREATE TABLE connections (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id),
    name text NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    configuration jsonb NOT NULL,
    credentials text,               -- encrypted
    has_credentials boolean GENERATED ALWAYS AS (credentials IS NOT NULL) STORED,
    interval_s integer NOT NULL CHECK (interval_s >= 30),
    since timestamptz NOT NULL,     -- what is older is not taken
    state text NOT NULL CHECK (state IN ('on', 'paused', 'failing')),
    cursor jsonb NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 1,
    not_before timestamptz NOT NULL,
    poller uuid,                    -- the task that polls it until `not_before`
    failures integer NOT NULL DEFAULT 0,
    last_poll_at timestamptz,
    last_entry_at timestamptz,
    last_error text,
    polls bigint NOT NULL DEFAULT 0,
    entries bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX connections_name ON connections (project_id, name);
CREATE INDEX connections_due ON connections (not_before) WHERE state <> 'paused';

-- What was taken at the edge, so that it is not taken again where that is read once more: 8 bytes of a hash of each, one
-- row a page; `latest` is the time of its last one.
CREATE TABLE connection_memories (
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    project_id uuid NOT NULL,
    version bigint NOT NULL,
    latest timestamptz NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (connection_id, version)
);

-- Objects that a poll has found and that are still to be read; `position` bytes of the unpacked stream of one are stored
-- as entries.
CREATE TABLE connection_objects (
    id uuid PRIMARY KEY,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    project_id uuid NOT NULL,
    key text NOT NULL,
    etag text NOT NULL,
    size bigint NOT NULL,
    modified_at timestamptz NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    not_before timestamptz NOT NULL,
    reader uuid,                    -- the task that reads it until `not_before`
    failures integer NOT NULL DEFAULT 0,
    last_error text
);
CREATE INDEX connection_objects_waiting ON connection_objects (connection_id, modified_at, id);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['connections', 'connection_memories', 'connection_objects'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_console
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;

-- The console takes credentials and cannot read them.
GRANT SELECT (id, project_id, name, type, source, configuration, has_credentials, interval_s, since, state, cursor,
    version, not_before, failures, last_poll_at, last_entry_at, last_error, polls, entries, refused, created_at,
    changed_at)
    ON connections TO oddline_console;
GRANT INSERT, DELETE ON connections TO oddline_console;
GRANT UPDATE (name, source, configuration, credentials, interval_s, since, state, cursor, version, not_before, failures,
    last_error, changed_at) ON connections TO oddline_console;
GRANT SELECT, DELETE ON connection_memories TO oddline_console;
GRANT SELECT (id, connection_id, project_id, last_error), DELETE ON connection_objects TO oddline_console;
GRANT SELECT ON connections TO oddline_worker;
GRANT UPDATE (name, source, configuration, credentials, state, cursor, version, not_before, poller, failures,
    last_poll_at, last_entry_at, last_error, polls, entries, refused) ON connections TO oddline_worker;
GRANT SELECT, INSERT, DELETE ON connection_memories TO oddline_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON connection_objects TO oddline_worker;
