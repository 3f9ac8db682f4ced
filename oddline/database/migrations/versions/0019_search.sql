-- Search: filters of words that are read in pieces, and searches that a worker does since they take long.

-- Of a filter a question reads 32 bytes: stored as it is, the rest need not be fetched. (Half of its bits are set, so that
-- there is nothing to compress either.)
ALTER TABLE hot_chunks ALTER COLUMN token_filter SET STORAGE EXTERNAL;
ALTER TABLE compacted_chunks ALTER COLUMN token_filter SET STORAGE EXTERNAL;

-- The function that reads chunks starts this one task, sees how far it is, and sees or starts no other.
CREATE POLICY searches ON tasks AS RESTRICTIVE TO oddline_search
    USING (name = 'search_entries') WITH CHECK (name = 'search_entries');
GRANT SELECT (id, project_id, name, state, progress, unique_key) ON tasks TO oddline_search;
GRANT INSERT (id, project_id, name, queue, payload, unique_key, not_before, created_at, parent_id, children_left)
    ON tasks TO oddline_search;

-- In which merged chunks of a day a pattern stands that is rare there. A row without a chunk says that the rows of the
-- pattern (-1: of every pattern) are not all of them, since it was not rare in each merge: then the chunks' own lists count.
CREATE TABLE chunk_patterns (
    project_id uuid NOT NULL,
    pattern_id integer NOT NULL,
    day date NOT NULL,
    chunk_id uuid NOT NULL,
    PRIMARY KEY (project_id, pattern_id, day, chunk_id)
) PARTITION BY RANGE (day);
-- What is merged already is not in it, nor is what workers of the version before still merge while they are replaced: on
-- these days, to tomorrow, the lists of all chunks count.
DO $$
DECLARE
    marked date;
BEGIN
    FOR marked IN
        SELECT to_date(right(relname, 8), 'YYYYMMDD') FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname ~ '^hot_chunks_\d{8}$'
            AND to_date(right(relname, 8), 'YYYYMMDD') <= (now() AT TIME ZONE 'UTC')::date + 1
        UNION SELECT arrival_day FROM compacted_chunks
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF chunk_patterns FOR VALUES FROM (%L) TO (%L)',
            'chunk_patterns_' || to_char(marked, 'YYYYMMDD'), marked, marked + 1);
        EXECUTE format('ALTER TABLE %I OWNER TO oddline_worker', 'chunk_patterns_' || to_char(marked, 'YYYYMMDD'));
        INSERT INTO chunk_patterns SELECT id, -1, marked, '00000000-0000-0000-0000-000000000000' FROM projects;
    END LOOP;
END $$;
ALTER TABLE chunk_patterns OWNER TO oddline_worker;
ALTER TABLE chunk_patterns ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON chunk_patterns TO oddline_worker USING (true) WITH CHECK (true);
CREATE POLICY project ON chunk_patterns TO oddline_search
    USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()));
GRANT SELECT ON chunk_patterns TO oddline_search;
