-- Privacy: what is masked before it is stored, and the values of persons that nothing may hold any more.

-- One row for what is set for a source, by its name, or for the whole project (''). `own`: [{name, expression}].
CREATE TABLE masking_rules (
    project_id uuid NOT NULL,
    source text NOT NULL,
    turned_on text[] NOT NULL,
    turned_off text[] NOT NULL,
    own jsonb NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, source)
);

-- `secret` holds the values, encrypted: they are masked in all that comes in from then on, and erased again after a
-- restore from a backup that still has them. `place` and `after` say where the pass that is under way has got to.
CREATE TABLE erasures (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    secret bytea NOT NULL,
    ignore_case boolean NOT NULL,
    reason text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    task_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'listed' CHECK (state IN ('listed', 'erasing', 'erased')),
    passes integer NOT NULL DEFAULT 0,
    pass_began_at timestamptz,
    place integer NOT NULL DEFAULT 0,
    after uuid,
    looked jsonb NOT NULL DEFAULT '{}',
    found jsonb NOT NULL DEFAULT '{}',
    found_in_pass integer NOT NULL DEFAULT 0,
    last_found_at timestamptz,
    proof jsonb,
    PRIMARY KEY (project_id, id)
);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['masking_rules', 'erasures'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_ingest, oddline_console
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;
GRANT SELECT (project_id, source, turned_on, turned_off, own) ON masking_rules TO oddline_ingest;
GRANT SELECT (project_id, id, secret, ignore_case) ON erasures TO oddline_ingest;
GRANT SELECT, INSERT, UPDATE ON masking_rules TO oddline_console;
GRANT SELECT, INSERT ON erasures TO oddline_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON masking_rules, erasures TO oddline_worker;

-- An erasure takes people out of the project, and their names out of what operators write.
CREATE POLICY erasures ON members FOR DELETE TO oddline_worker USING (true);
GRANT DELETE ON members TO oddline_worker;
GRANT UPDATE (reason) ON queue_holds TO oddline_worker;
