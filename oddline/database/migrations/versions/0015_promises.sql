-- What a review found that was promised and did not hold.

-- Schedules

-- Until when the rights of `actor` are trusted whose role came by a claim of their token: no row says whether they have
-- it still. Null: a row says so, and is looked up at each run.
ALTER TABLE schedules ADD COLUMN rights_until timestamptz;
GRANT UPDATE (rights_until) ON schedules TO oddline_console;
GRANT SELECT (role) ON members TO oddline_worker;

-- The audit trail

-- Whatever is written, also by hand, can be read back and sealed. What stands there already is left to the sealing job.
ALTER TABLE audit_actions
    ADD CONSTRAINT audit_actions_at CHECK (at >= '1990-01-01' AND at < '9999-01-01') NOT VALID,
    ADD CONSTRAINT audit_actions_details CHECK (details IS JSON OBJECT) NOT VALID,
    ADD CONSTRAINT audit_actions_personal CHECK (encode(personal, 'escape') ~ '^[A-Za-z0-9_=-]+$') NOT VALID;
