-- What a review found that was promised and did not hold.

-- Schedules

-- Until when the rights of `actor` are trusted whose role came by a claim of their token: no row says whether they have
-- it still. Null: a row says so, and is looked up at each run.
ALTER TABLE schedules ADD COLUMN rights_until timestamptz;
GRANT UPDATE (rights_until) ON schedules TO oddline_console;
GRANT SELECT (role) ON members TO oddline_worker;
