-- Turns: of tasks that take long each project has its turn after the others, however much of it waits. And files: that one
-- could not be unpacked to its end, what it was before it was packed, and what its entries are like.

-- Without an index here the waiting tasks of one project would be read to find those of the others.
CREATE INDEX tasks_turns ON tasks (queue, project_id, id)
    WHERE state IN ('PENDING', 'RETRY') AND children_left IS NULL AND project_id IS NOT NULL;

CREATE TABLE task_turns (
    queue text NOT NULL,
    project_id uuid NOT NULL,
    at timestamptz NOT NULL,   -- its last one
    PRIMARY KEY (queue, project_id)
);
ALTER TABLE task_turns ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON task_turns TO oddline_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON task_turns TO oddline_worker;

ALTER TABLE files DROP CONSTRAINT files_state_check,
    ADD CONSTRAINT files_state_check
        CHECK (state IN ('uploading', 'uploaded', 'processing', 'processed', 'damaged', 'failed', 'deleted')),
    ADD COLUMN stored_size bigint,      -- of the object, where it is not as it came any more; so is the next
    ADD COLUMN stored_compression text,
    ADD COLUMN analytics jsonb;

DROP POLICY files_only ON tasks;
CREATE POLICY files_only ON tasks AS RESTRICTIVE FOR INSERT TO oddline_ingest
    WITH CHECK (queue IN ('file_processing', 'data_analysis') AND payload->>'project' = project_id::text
        AND name IN ('extract_log_metadata', 'process_log_file', 'compress_log_file', 'score_log_file',
            'generate_embeddings', 'calculate_file_analytics'));
