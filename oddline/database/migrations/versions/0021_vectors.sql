-- Patterns by what they mean: a vector and the words of each, and the functions that find patterns by them.

-- What a pattern is read as: placeholders are no words, parts of names are. The same of a question.
CREATE FUNCTION plain_words(said text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT regexp_replace(regexp_replace(regexp_replace(left(said, 10000),
            '<[a-z]+>', ' ', 'g'), '([a-z0-9])([A-Z])', '\1 \2', 'g'),
            '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]+', ' ', 'g')
    $$;

CREATE TABLE pattern_vectors (
    project_id uuid NOT NULL,
    pattern_id integer NOT NULL,
    model_version text NOT NULL,
    embedding halfvec(384) NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (project_id, pattern_id),
    FOREIGN KEY (project_id, pattern_id) REFERENCES patterns (project_id, id) ON DELETE CASCADE
);
-- Many patterns are nearly the same: with fewer candidates each would know only its like, and no way to others.
CREATE INDEX pattern_vectors_nearest ON pattern_vectors USING hnsw (embedding halfvec_cosine_ops)
    WITH (ef_construction = 256);
CREATE INDEX pattern_vectors_words ON pattern_vectors USING gin (words);

-- Every pattern up to `pattern_id` has its vector of this model. Patterns get their numbers, and become visible, in order.
CREATE TABLE vector_progress (
    project_id uuid PRIMARY KEY,
    model_version text NOT NULL,
    pattern_id integer NOT NULL
);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['pattern_vectors', 'vector_progress'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON pattern_vectors, vector_progress TO oddline_worker;
CREATE POLICY project ON vector_progress TO oddline_search
    USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()));
GRANT SELECT ON vector_progress, source_patterns TO oddline_search;

-- Under row-level security no index is used for @@. So these functions run as the tables' owner, whom no policy binds, and
-- each takes the project from the transaction's setting; whoever asks sees nothing else of these tables.

-- The project's patterns that were seen in one of these sources, around that time; a time that is NULL narrows nothing, nor do
-- no sources. Not for clients: only the functions below call it, as the tables' owner.
CREATE FUNCTION patterns_within(sources text[], since timestamptz, before timestamptz) RETURNS SETOF integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT p.pattern_id FROM public.source_patterns p
        WHERE p.project_id = public.oddline_project()
        AND (sources = '{}' OR p.source_id IN (SELECT s.id FROM public.sources s
                                               WHERE s.project_id = public.oddline_project() AND s.name = ANY (sources)))
        AND (since IS NULL OR p.last_seen >= since) AND (before IS NULL OR p.first_seen < before)
    $$;

-- The index holds every project's vectors. Where at most `few` are asked for, the project's are looked through as a whole, which is
-- faster and exact; where the index was gone through for long and found too few, too.
CREATE FUNCTION nearest_patterns(asked halfvec, model text, most integer, few integer,
        sources text[], since timestamptz, before timestamptz)
    RETURNS TABLE (pattern_id integer, similarity real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        asking uuid := public.oddline_project();
        anywhere boolean := sources = '{}' AND since IS NULL AND before IS NULL;
        own bigint := (SELECT count(*) FROM (SELECT FROM public.pattern_vectors v WHERE v.project_id = asking
            AND (anywhere OR v.pattern_id IN (SELECT public.patterns_within(sources, since, before))) LIMIT few + 1) o);
        found integer[] := '{}';
    BEGIN
        IF own > few THEN
            PERFORM set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', '400', true),
                set_config('hnsw.max_scan_tuples', '40000', true);
            FOR pattern_id, similarity IN SELECT v.pattern_id, (1 - (v.embedding OPERATOR(public.<=>) asked))::real
                FROM public.pattern_vectors v WHERE v.project_id = asking AND v.model_version = model
                AND (anywhere OR v.pattern_id IN (SELECT public.patterns_within(sources, since, before)))
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
                    AND (anywhere OR v.pattern_id IN (SELECT public.patterns_within(sources, since, before))))
                SELECT o.id, o.likeness FROM own_vectors o ORDER BY o.likeness DESC LIMIT most - cardinality(found);
        END IF;
    END $$;

-- How many of the project's patterns hold each word, in any of its forms; none of a word that only binds others.
CREATE FUNCTION count_pattern_words(asked text[]) RETURNS TABLE (word text, patterns bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT t.word, (SELECT count(*) FROM public.pattern_vectors v
                        WHERE v.project_id = public.oddline_project() AND v.words @@ t.query)
        FROM (SELECT one AS word, plainto_tsquery('english', public.plain_words(one)) AS query FROM unnest(asked) one) t
        WHERE numnode(t.query) > 0
    $$;

-- The project's patterns that hold one of the words at least, by the weights of those that they hold.
CREATE FUNCTION patterns_with_words(asked text[], weights real[], most integer,
        sources text[], since timestamptz, before timestamptz)
    RETURNS TABLE (pattern_id integer, matched text[], weight real)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH terms AS MATERIALIZED (
            SELECT a.word, a.weight, plainto_tsquery('english', public.plain_words(a.word)) AS query
            FROM unnest(asked, weights) AS a (word, weight)),
        held AS MATERIALIZED (
            SELECT v.pattern_id, v.words FROM public.pattern_vectors v
            WHERE v.project_id = public.oddline_project()
            AND v.words @@ (SELECT string_agg('(' || t.query::text || ')', ' | ')::tsquery FROM terms t
                            WHERE numnode(t.query) > 0)
            AND ((sources = '{}' AND since IS NULL AND before IS NULL)
                OR v.pattern_id IN (SELECT public.patterns_within(sources, since, before))))
        SELECT h.pattern_id, array_agg(t.word), sum(t.weight)::real
        FROM held h JOIN terms t ON h.words @@ t.query
        GROUP BY h.pattern_id, h.words ORDER BY sum(t.weight) DESC, length(h.words), h.pattern_id LIMIT most
    $$;

DO $$
DECLARE
    kept text;
BEGIN
    REVOKE ALL ON FUNCTION patterns_within(text[], timestamptz, timestamptz) FROM PUBLIC;
    FOREACH kept IN ARRAY ARRAY['nearest_patterns(halfvec, text, integer, integer, text[], timestamptz, timestamptz)',
        'count_pattern_words(text[])', 'patterns_with_words(text[], real[], integer, text[], timestamptz, timestamptz)'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', kept);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO oddline_search', kept);
    END LOOP;
END $$;
