-- Search: filters of words that are read in pieces, and searches that a worker does since they take long.

-- Of a filter a question reads 32 bytes: stored as it is, the rest need not be fetched. (Half of its bits are set, so that
-- there is nothing to compress either.)
ALTER TABLE hot_chunks ALTER COLUMN token_filter SET STORAGE EXTERNAL;
ALTER TABLE compacted_chunks ALTER COLUMN token_filter SET STORAGE EXTERNAL;

-- The function that reads chunks starts this one task, sees how far it is, and sees or starts no other.
CREATE POLICY searches ON tasks AS RESTRICTIVE TO oddline_search
    USING (name = 'search_entries') WITH CHECK (name = 'search_entries');
GRANT SELECT (id, project_id, name, state, progress, unique_key) ON tasks TO oddline_search;
GRANT INSERT (id, project_id, name, queue, payload, unique_key, not_before, created_at, parent_id, children_left) ON tasks
    TO oddline_search;

-- In which merged chunks of a day a pattern stands that is rare there. A row without a chunk says that the rows of the
-- pattern (-1: of every pattern) are not all of them, since it was not rare in each merge: then the chunks' own lists count.
CREATE TABLE chunk_patterns (
    project_id uuid NOT NULL,
    pattern_id integer NOT NULL,
    day date NOT NULL,
    chunk_id uuid NOT NULL,
    PRIMARY KEY (project_id, pattern_id, day, chunk_id)
) PARTITION BY RANGE (day);
DO $$
DECLARE
    past date;
BEGIN
    FOR past IN SELECT arrival_day FROM hot_chunks UNION SELECT arrival_day FROM compacted_chunks LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF chunk_patterns FOR VALUES FROM (%L) TO (%L)',
            'chunk_patterns_' || to_char(past, 'YYYYMMDD'), past, past + 1);
        EXECUTE format('ALTER TABLE %I OWNER TO oddline_worker', 'chunk_patterns_' || to_char(past, 'YYYYMMDD'));
    END LOOP;
END $$;
INSERT INTO chunk_patterns SELECT DISTINCT project_id, -1, arrival_day, '00000000-0000-0000-0000-000000000000'::uuid FROM compacted_chunks;
ALTER TABLE chunk_patterns OWNER TO oddline_worker;
ALTER TABLE chunk_patterns ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chunk_patterns TO oddline_worker USING (true) WITH CHECK (true);
CREATE POLICY project ON chunk_patterns TO oddline_search USING (project_id = (SELECT oddline_project()));
GRANT SELECT ON chunk_patterns TO oddline_search;
