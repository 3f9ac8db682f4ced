-- The audit trail: what people did, written in the action's own transaction, numbered and chained afterwards.
-- What belongs to the whole installation stands under the project 00000000-0000-0000-0000-000000000000.

-- Whatever names a person is encrypted with a key of that person alone: without it nothing of it can be read.
CREATE TABLE person_keys (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL,
    person text NOT NULL,
    wrapped_key bytea,
    made_at timestamptz NOT NULL,
    forgotten_at timestamptz,
    CHECK ((wrapped_key IS NULL) = (forgotten_at IS NOT NULL))
);
CREATE UNIQUE INDEX person_keys_in_force ON person_keys (project_id, person) WHERE forgotten_at IS NULL;

CREATE TABLE audit_actions (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL,
    at timestamptz NOT NULL,
    era integer NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    details text NOT NULL,  -- JSON, as text: its hash must not depend on how PostgreSQL writes it
    person_key uuid NOT NULL REFERENCES person_keys (id),
    personal bytea NOT NULL,
    number bigint CHECK (number > 0),
    hash bytea,
    CHECK ((number IS NULL) = (hash IS NULL))
);
CREATE UNIQUE INDEX audit_actions_number ON audit_actions (project_id, number) WHERE number IS NOT NULL;
CREATE INDEX audit_actions_unsealed ON audit_actions (project_id, era, xid, id) WHERE number IS NULL;
CREATE INDEX audit_actions_newest ON audit_actions (project_id, at, id);
CREATE INDEX audit_actions_actor ON audit_actions (project_id, actor, at, id);
CREATE INDEX audit_actions_subject ON audit_actions (project_id, subject, at, id);

-- Where each project's chain ends, up to where its head is in the object store, what was enriched, what was cut off.
CREATE TABLE audit_chains (
    project_id uuid PRIMARY KEY,
    number bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    head_number bigint NOT NULL DEFAULT 0,
    enriched_number bigint NOT NULL DEFAULT 0,
    cut_number bigint NOT NULL DEFAULT 0,
    cut_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

-- What process_user_action found out later; no part of the chain.
CREATE TABLE audit_enrichments (
    action_id uuid PRIMARY KEY REFERENCES audit_actions (id) ON DELETE CASCADE,
    project_id uuid NOT NULL,
    personal bytea,         -- with the key of the action's person
    error text,
    at timestamptz NOT NULL
);

-- No role may change or delete a row of the trail. These two do it for the sealing job, with the owner's rights.

-- False where somebody else sealed meanwhile: nothing was done.
CREATE FUNCTION seal_actions(sealed_project uuid, after bigint, action_ids uuid[], hashes bytea[]) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        many bigint := cardinality(action_ids);
        sealed bigint;
    BEGIN
        INSERT INTO public.audit_chains (project_id) VALUES (sealed_project) ON CONFLICT DO NOTHING;
        UPDATE public.audit_chains SET number = after + many, hash = hashes[many]
            WHERE project_id = sealed_project AND number = after;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        UPDATE public.audit_actions a SET number = after + n.place, hash = n.hash
            FROM unnest(action_ids, hashes) WITH ORDINALITY AS n (id, hash, place)
            WHERE a.id = n.id AND a.project_id = sealed_project AND a.number IS NULL;
        GET DIAGNOSTICS sealed = ROW_COUNT;
        IF sealed <> many THEN
            RAISE EXCEPTION 'of % actions % wait to be sealed', many, sealed;
        END IF;
        RETURN true;
    END $$;

-- Retention. Nothing of the last 30 days goes, whatever a setting says. Returns how many rows went.
CREATE FUNCTION cut_actions(cut_project uuid, after bigint, through bigint, through_hash bytea) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        gone bigint;
    BEGIN
        IF EXISTS (SELECT FROM public.audit_actions WHERE project_id = cut_project AND number <= through
                   AND at > now() - interval '30 days') THEN
            RAISE EXCEPTION 'actions of the last 30 days stay';
        END IF;
        UPDATE public.audit_chains SET cut_number = through, cut_hash = through_hash
            WHERE project_id = cut_project AND cut_number = after AND through > after
            AND EXISTS (SELECT FROM public.audit_actions WHERE project_id = cut_project AND number = through AND hash = through_hash);
        IF NOT FOUND THEN
            RETURN 0;
        END IF;
        DELETE FROM public.audit_actions WHERE project_id = cut_project AND number <= through;
        GET DIAGNOSTICS gone = ROW_COUNT;
        RETURN gone;
    END $$;
REVOKE ALL ON FUNCTION seal_actions, cut_actions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seal_actions, cut_actions TO oddline_worker;

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['person_keys', 'audit_actions', 'audit_chains', 'audit_enrichments'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_console, oddline_search
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;

-- Who acts for people writes; the transaction's id, the number and the hash are nobody's to give.
GRANT INSERT (id, project_id, at, era, actor, action, subject, details, person_key, personal) ON audit_actions
    TO oddline_console, oddline_search, oddline_worker;
GRANT SELECT ON person_keys TO oddline_console, oddline_search, oddline_worker;
GRANT INSERT (id, project_id, person, wrapped_key, made_at) ON person_keys TO oddline_console, oddline_search, oddline_worker;
GRANT UPDATE (wrapped_key, forgotten_at) ON person_keys TO oddline_worker;
GRANT SELECT ON audit_actions, audit_enrichments TO oddline_console;
GRANT SELECT ON audit_actions, audit_chains, audit_enrichments TO oddline_worker;
GRANT INSERT ON audit_enrichments TO oddline_worker;
GRANT UPDATE (head_number, enriched_number) ON audit_chains TO oddline_worker;

-- For the names of people who acted.
CREATE POLICY worker ON members FOR SELECT TO oddline_worker USING (true);
GRANT SELECT (project_id, issuer, subject, email) ON members TO oddline_worker;
