-- Schedules that users make: these rows are the truth, what EventBridge Scheduler holds is brought in line with them.

CREATE TABLE schedules (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id),
    name text NOT NULL,
    task text NOT NULL,
    payload jsonb NOT NULL,
    expression text NOT NULL,
    timezone text NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    catch_up text NOT NULL CHECK (catch_up IN ('none', 'last')),
    state text NOT NULL CHECK (state IN ('active', 'paused', 'finished', 'removed')),
    next_at timestamptz,    -- the planned time that has not been dealt with
    starter text NOT NULL,  -- as whom `actor`, who made or changed it last, may start tasks
    actor text NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    revision integer NOT NULL DEFAULT 1,    -- goes up with each change that EventBridge must hear of
    synced integer NOT NULL DEFAULT 0,      -- the revision that it has heard of
    CHECK ((state = 'active') = (next_at IS NOT NULL))
);
-- A removed one stays until EventBridge has let go of it; its name is free at once.
CREATE UNIQUE INDEX schedules_name ON schedules (project_id, name) WHERE state <> 'removed';
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

-- One row for each planned time, however often it fires; `count` planned times ended in this one.
CREATE TABLE schedule_runs (
    schedule_id uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    project_id uuid NOT NULL,
    planned timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('started', 'asked', 'missed', 'made_up', 'refused')),
    count integer NOT NULL DEFAULT 1,
    task_id uuid,
    detail text,
    PRIMARY KEY (schedule_id, planned)
);
CREATE INDEX schedule_runs_fired ON schedule_runs (fired_at);

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['schedules', 'schedule_runs']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY worker ON %I TO oddline_worker USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY project ON %I TO oddline_console
            USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()))', guarded);
    END LOOP;
END $$;

GRANT SELECT, INSERT ON schedules, schedule_runs TO oddline_console;
GRANT UPDATE (name, task, payload, expression, timezone, starts_at, ends_at, catch_up, state, next_at, starter, actor,
    changed_at, revision) ON schedules TO oddline_console;
GRANT SELECT, UPDATE, DELETE ON schedules TO oddline_worker;
GRANT SELECT, INSERT, DELETE ON schedule_runs TO oddline_worker;
GRANT UPDATE (outcome, task_id, detail) ON schedule_runs TO oddline_worker;
