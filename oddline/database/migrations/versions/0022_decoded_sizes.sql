-- Decoded sizes: how much room the entries of a chunk take once they are unpacked, so that nobody opens too many at once.

-- Null for what was stored before, and by workers of the version before while they are replaced: then it is guessed.
-- Merged chunks tell it of each of their row groups, in `row_groups`.
ALTER TABLE hot_chunks ADD COLUMN decoded_bytes bigint;

CREATE OR REPLACE VIEW chunks WITH (security_invoker = true) AS
    SELECT id, project_id, arrival_day, 0::smallint AS level, format, schema_version, late, lowest_id, highest_id,
           lowest_time, highest_time, entries, anomalies, highest_score, severities, source_ids, pattern_ids, token_filter,
           length(blob) AS bytes, NULL::text AS object_key, 0 AS footer_offset, NULL::jsonb AS row_groups, replaced_by,
           decoded_bytes
    FROM hot_chunks
    UNION ALL
    SELECT id, project_id, arrival_day, level, 'parquet', schema_version, late, lowest_id, highest_id,
           lowest_time, highest_time, entries, anomalies, highest_score, severities, source_ids, pattern_ids, token_filter,
           bytes, object_key, footer_offset, row_groups, replaced_by, NULL::bigint
    FROM compacted_chunks;

-- What is left to merge of the hours: compaction asks for it at each run, among all that is kept.
CREATE INDEX compacted_chunks_of_hours ON compacted_chunks (arrival_day, project_id) WHERE replaced_by IS NULL AND level = 1;
