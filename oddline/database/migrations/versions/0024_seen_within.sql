-- Patterns in a time, by the time of their entries. `source_patterns` tells when they were scored, which is later for what was
-- uploaded, came late or waited; the hours that entries are counted in tell when they are of.

-- What tells a client where a pattern was seen asks it in that role.
CREATE POLICY search ON pattern_rollups TO oddline_search
    USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()));
GRANT SELECT ON pattern_rollups TO oddline_search;

-- The project's sources and patterns that have entries around a time, where their scoring may not tell it.
--
-- What arrived in its time was scored soon after it, so that within the window its scoring tells it; only near the ends it may
-- have been scored outside. There, and in hours to which something came late (or early), the patterns are told by the hours
-- themselves: to unfold all of a month would take seconds.
CREATE FUNCTION counted_within(since timestamptz, before timestamptz) RETURNS TABLE (source_id integer, pattern_id integer)
    LANGUAGE sql STABLE
    AS $$
        SELECT r.source_id, u.pattern_id FROM public.pattern_rollups r, unnest(r.pattern_ids) AS u (pattern_id)
        WHERE r.project_id = public.oddline_project() AND r.step = 3600
        AND r.slot > coalesce(since - interval '1 hour', '-infinity') AND r.slot < coalesce(before, 'infinity')
        AND (r.slot < since + interval '1 day' OR r.slot >= before - interval '3 days'
            OR ((since IS NOT NULL OR before IS NOT NULL)
                AND r.arrival_day - (r.slot AT TIME ZONE 'UTC')::date NOT BETWEEN 0 AND 1))
    $$;

-- The project's patterns that were scored in one of these sources around that time, or have entries there that are of it. A time
-- that is NULL narrows nothing, nor do no sources. Not for clients: only the functions below call it, as the tables' owner.
-- What is not counted yet is known by its scoring alone.
CREATE OR REPLACE FUNCTION patterns_within(sources text[], since timestamptz, before timestamptz) RETURNS SETOF integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $$
        WITH wanted AS MATERIALIZED (
            SELECT s.id FROM public.sources s WHERE s.project_id = public.oddline_project() AND s.name = ANY (sources))
        SELECT p.pattern_id FROM public.source_patterns p
        WHERE p.project_id = public.oddline_project()
        AND (sources = '{}' OR p.source_id IN (SELECT id FROM wanted))
        AND (since IS NULL OR p.last_seen >= since) AND (before IS NULL OR p.first_seen < before)
        UNION
        SELECT c.pattern_id FROM public.counted_within(since, before) c
        WHERE sources = '{}' OR c.source_id IN (SELECT id FROM wanted)
    $$;

-- As before, and asks which patterns are meant once.
CREATE OR REPLACE FUNCTION nearest_patterns(asked halfvec, model text, most integer, few integer,
        sources text[], since timestamptz, before timestamptz)
    RETURNS TABLE (pattern_id integer, similarity real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        asking uuid := public.oddline_project();
        anywhere boolean := sources = '{}' AND since IS NULL AND before IS NULL;
        chosen integer[] := CASE WHEN NOT anywhere THEN ARRAY (SELECT public.patterns_within(sources, since, before)) END;
        own bigint := (SELECT count(*) FROM (SELECT FROM public.pattern_vectors v WHERE v.project_id = asking
            AND (anywhere OR v.pattern_id IN (SELECT unnest(chosen))) LIMIT few + 1) o);
        found integer[] := '{}';
    BEGIN
        IF own > few THEN
            PERFORM set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', '400', true),
                set_config('hnsw.max_scan_tuples', '40000', true);
            FOR pattern_id, similarity IN SELECT v.pattern_id, (1 - (v.embedding OPERATOR(public.<=>) asked))::real
                FROM public.pattern_vectors v WHERE v.project_id = asking AND v.model_version = model
                AND (anywhere OR v.pattern_id IN (SELECT unnest(chosen)))
                ORDER BY v.embedding OPERATOR(public.<=>) asked LIMIT most
            LOOP
                found := found || pattern_id;
                RETURN NEXT;
            END LOOP;
        END IF;
        IF cardinality(found) < least(most, own) THEN
            RETURN QUERY WITH own_vectors AS MATERIALIZED (
                    SELECT v.pattern_id AS id, (1 - (v.embedding OPERATOR(public.<=>) asked))::real AS likeness
                    FROM public.pattern_vectors v
                    WHERE v.project_id = asking AND v.model_version = model AND v.pattern_id <> ALL (found)
                    AND (anywhere OR v.pattern_id IN (SELECT unnest(chosen))))
                SELECT o.id, o.likeness FROM own_vectors o ORDER BY o.likeness DESC LIMIT most - cardinality(found);
        END IF;
    END $$;
