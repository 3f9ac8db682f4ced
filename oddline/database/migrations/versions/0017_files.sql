-- Log files, where they are, how far each is read, and what each of their parts became.

CREATE TABLE files (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    format text NOT NULL DEFAULT '',    -- what its owner says that it is; '' is to be found
    zone text NOT NULL DEFAULT '',      -- of times without one; '' is UTC
    state text NOT NULL CHECK (state IN ('uploading', 'uploaded', 'processing', 'processed', 'failed', 'deleted')),
    size bigint,                        -- bytes; until it is uploaded, what was told, if anything
    part_bytes bigint,
    upload text,                        -- the object store's id of what comes in parts
    object_key text NOT NULL CHECK (starts_with(object_key, 'files/' || project_id || '/') OR starts_with(object_key, 'uploads/')),
    object_version text NOT NULL DEFAULT '',
    request_key text,                   -- by which a repeated request for an upload is known
    created_at timestamptz NOT NULL,
    uploaded_at timestamptz,
    finished_at timestamptz,
    task_id uuid,                       -- that makes entries of it
    found jsonb,                        -- format, encoding, compression
    position bigint NOT NULL DEFAULT 0, -- bytes of the unpacked stream that are stored as entries
    progress real NOT NULL DEFAULT 0,
    tries smallint NOT NULL DEFAULT 0,  -- since a part was stored the last time
    entries bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    problems jsonb NOT NULL DEFAULT '{}',
    metadata jsonb,
    error text,
    PRIMARY KEY (project_id, id)
);
CREATE INDEX files_object ON files (object_key);
CREATE UNIQUE INDEX files_request ON files (project_id, request_key) WHERE state <> 'deleted';
CREATE INDEX files_uploading ON files (project_id) WHERE state = 'uploading';
CREATE INDEX files_old ON files (created_at);

-- From an entry to the bytes that it was: its submission's row here, and its index among the entries of that range.
CREATE TABLE file_parts (
    project_id uuid NOT NULL,
    file_id uuid NOT NULL,
    first_byte bigint NOT NULL,         -- of the unpacked stream; up to, not including, end_byte
    end_byte bigint NOT NULL,
    submission_id uuid NOT NULL,
    entries integer NOT NULL,
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, file_id, first_byte)
);
CREATE INDEX file_parts_submission ON file_parts (project_id, submission_id);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['files', 'file_parts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON files, file_parts TO oddline_worker;
GRANT SELECT, INSERT ON files TO oddline_console;
GRANT UPDATE (state, size, upload, object_version, uploaded_at, finished_at, task_id, tries, error, format) ON files
    TO oddline_console;
GRANT SELECT ON file_parts TO oddline_console;

-- An object that was put under uploads/ becomes a file by the function that takes logs: it may start what works on files,
-- and reads nothing of it.
GRANT INSERT ON files TO oddline_ingest;
GRANT INSERT (id, project_id, name, queue, payload, unique_key, not_before, created_at, parent_id, children_left) ON tasks
    TO oddline_ingest;
GRANT SELECT (id, state, unique_key) ON tasks TO oddline_ingest;
CREATE POLICY files_only ON tasks AS RESTRICTIVE FOR INSERT TO oddline_ingest
    WITH CHECK (queue = 'file_processing' AND payload->>'project' = project_id::text
        AND name IN ('extract_log_metadata', 'process_log_file', 'compress_log_file'));
CREATE POLICY put_by_others ON files AS RESTRICTIVE FOR INSERT TO oddline_ingest
    WITH CHECK (state = 'uploaded' AND starts_with(object_key, 'uploads/'));

-- A task waits as long as it has children left: tasks whose parent it is and that have not ended.
CREATE INDEX tasks_children ON tasks (parent_id) WHERE parent_id IS NOT NULL;
DROP INDEX tasks_waiting;
CREATE INDEX tasks_waiting ON tasks (not_before) WHERE state IN ('PENDING', 'RETRY') AND children_left IS NULL;
CREATE OR REPLACE FUNCTION work_waiting(moment timestamptz)
    RETURNS TABLE (queue text, due bigint, later bigint, oldest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT queue, count(*) FILTER (WHERE not_before IS NULL OR not_before <= moment),
               count(*) FILTER (WHERE not_before > moment),
               min(coalesce(not_before, created_at)) FILTER (WHERE not_before IS NULL OR not_before <= moment)
        FROM public.tasks WHERE state IN ('PENDING', 'RETRY') AND children_left IS NULL GROUP BY queue
        UNION ALL
        SELECT 'analysis', count(*) FILTER (WHERE not_before IS NULL OR not_before <= moment),
               count(*) FILTER (WHERE not_before > moment), min(received_at)
        FROM public.submission_state WHERE state = 'accepted'
    $$;
