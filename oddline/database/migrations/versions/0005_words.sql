-- Novelty by words: what the model sees in each of a pattern's words.

-- What a model said can be said again: it reads patterns anew when they come, or at the next snapshots.
DELETE FROM pattern_memo;
ALTER TABLE pattern_memo ADD COLUMN views bytea NOT NULL;
