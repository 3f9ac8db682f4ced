-- Identity: keys that projects make by themselves, signing secrets that are changed without a gap, people.

-- API keys

-- While a secret is being changed, `retiring_secrets` hold the one before, until `retiring_until`.
ALTER TABLE api_keys
    ADD COLUMN retiring_secrets text[] NOT NULL DEFAULT '{}',
    ADD COLUMN retiring_until timestamptz,
    ADD COLUMN is_signed boolean NOT NULL GENERATED ALWAYS AS (signing_secrets <> '{}') STORED;
CREATE INDEX api_keys_project ON api_keys (project_id, id);

-- With the owner's rights and nothing of `public` on the path: who may create there could put a function that fits better
-- in the place of a built-in one.
CREATE OR REPLACE FUNCTION find_api_key(key_hash bytea, moment timestamptz)
    RETURNS TABLE (key_id uuid, project_id uuid, scopes text[], signing_secrets text[], expires_at timestamptz, revoked_at timestamptz)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH stale AS (
            SELECT id FROM public.api_keys
            WHERE hash = key_hash AND (last_used_at IS NULL OR last_used_at < moment - interval '1 minute')
            FOR UPDATE SKIP LOCKED
        ), touched AS (
            UPDATE public.api_keys SET last_used_at = moment WHERE id IN (SELECT id FROM stale)
        )
        SELECT id, project_id, scopes,
               signing_secrets || CASE WHEN retiring_until > moment THEN retiring_secrets ELSE '{}' END,
               expires_at, revoked_at
        FROM public.api_keys WHERE hash = key_hash
    $$;

CREATE OR REPLACE FUNCTION find_project(project_name text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT id FROM public.projects WHERE name = project_name $$;

-- Of a session, which names its key by the id. An id is no secret, so this tells none.
CREATE FUNCTION find_session_key(session_key uuid, moment timestamptz)
    RETURNS TABLE (key_id uuid, project_id uuid, scopes text[], expires_at timestamptz, revoked_at timestamptz)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT found.key_id, found.project_id, found.scopes, found.expires_at, found.revoked_at
        FROM public.api_keys, public.find_api_key(hash, moment) AS found WHERE id = session_key
    $$;

-- With the owner's rights, since the console may write secrets and read none. False: no signed key in force has that id.
CREATE FUNCTION rotate_signing_secret(rotated_key uuid, new_secret text, older_until timestamptz, moment timestamptz)
    RETURNS boolean
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH rotated AS (
            UPDATE public.api_keys SET retiring_secrets = signing_secrets, retiring_until = older_until,
                signing_secrets = ARRAY[new_secret]
            WHERE id = rotated_key AND project_id = public.oddline_project() AND is_signed
                AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > moment)
            RETURNING id
        )
        SELECT EXISTS (SELECT FROM rotated)
    $$;

GRANT SELECT (id, project_id, name, prefix, scopes, is_signed, retiring_until, created_at, expires_at, revoked_at, last_used_at),
    INSERT (id, project_id, name, prefix, hash, scopes, signing_secrets, created_at, expires_at),
    UPDATE (revoked_at) ON api_keys TO oddline_console;
GRANT DELETE ON api_keys TO oddline_worker;

-- People

-- A person is told by issuer and subject. Who was invited by e-mail has no subject until the first sign-in with that
-- address, verified by the issuer; from then on the address counts for nothing: it may be given to somebody else.
CREATE TABLE members (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id),
    issuer text NOT NULL,
    subject text,
    email text,
    role text NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    CHECK (subject IS NOT NULL OR email IS NOT NULL),
    UNIQUE (project_id, issuer, subject),
    UNIQUE (project_id, issuer, email)
);
CREATE INDEX members_subject ON members (issuer, subject);
CREATE INDEX members_email ON members (issuer, email) WHERE subject IS NULL;

-- Before it has been run nobody knows the person's projects. An invitation is used up by its first sign-in.
CREATE FUNCTION find_memberships(token_issuer text, token_subject text, verified_email text, moment timestamptz)
    RETURNS TABLE (project_id uuid, project text, role text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH found AS (
            SELECT m.id, m.project_id, m.role, m.subject, m.last_seen_at FROM public.members m
            WHERE m.issuer = token_issuer AND (m.subject = token_subject
                OR m.subject IS NULL AND m.email = verified_email AND NOT EXISTS (
                    SELECT FROM public.members known WHERE known.project_id = m.project_id AND known.issuer = token_issuer
                        AND known.subject = token_subject))
        ), stale AS (
            SELECT id FROM public.members WHERE id IN (
                SELECT id FROM found
                WHERE subject IS NULL OR last_seen_at IS NULL OR last_seen_at < moment - interval '1 minute')
            FOR UPDATE SKIP LOCKED
        ), touched AS (
            UPDATE public.members SET subject = token_subject, last_seen_at = moment
            WHERE id IN (SELECT id FROM stale) AND (subject IS NULL OR subject = token_subject)
        )
        SELECT p.id, p.name, found.role FROM found JOIN public.projects p ON p.id = found.project_id ORDER BY p.name
    $$;

ALTER TABLE members ENABLE ROW LEVEL SECURITY;
CREATE POLICY project ON members TO oddline_console
    USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()));
GRANT SELECT, INSERT, DELETE, UPDATE (role) ON members TO oddline_console;

REVOKE ALL ON FUNCTION find_session_key, rotate_signing_secret, find_memberships FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_session_key, find_memberships TO oddline_console, oddline_search;
GRANT EXECUTE ON FUNCTION rotate_signing_secret TO oddline_console, oddline_worker;
