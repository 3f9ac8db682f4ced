-- Search: filters of words that are read in pieces, and searches that a worker does since they take long.

-- Of a filter a question reads 32 bytes: stored as it is, the rest need not be fetched. (Half of its bits are set, so that
-- there is nothing to compress either.)
ALTER TABLE hot_chunks ALTER COLUMN token_filter SET STORAGE EXTERNAL;
ALTER TABLE compacted_chunks ALTER COLUMN token_filter SET STORAGE EXTERNAL;

-- The function that reads chunks starts this one task, sees how far it is, and sees or starts no other.
CREATE POLICY searches ON tasks AS RESTRICTIVE TO oddline_search
    USING (name = 'search_entries') WITH CHECK (name = 'search_entries');
GRANT SELECT (id, project_id, name, state, progress, unique_key) ON tasks TO oddline_search;
GRANT INSERT (id, project_id, name, queue, payload, unique_key, not_before, created_at) ON tasks TO oddline_search;
