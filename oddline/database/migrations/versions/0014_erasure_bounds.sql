-- Erasures: how far each reaches, who works on it, and where it is among objects.

ALTER TABLE erasures
    -- An operator asked for it: it reaches what belongs to no project, too.
    ADD COLUMN whole_installation boolean NOT NULL DEFAULT false,
    -- Counts who has worked on it: only the last one may note what it did.
    ADD COLUMN run integer NOT NULL DEFAULT 0,
    -- A step has begun and is not noted: whoever comes next cannot know what it found.
    ADD COLUMN in_step boolean NOT NULL DEFAULT false,
    -- Behind an id, or behind an object's key.
    ALTER COLUMN after TYPE text,
    DROP CONSTRAINT erasures_state_check,
    ADD CONSTRAINT erasures_state_check CHECK (state IN ('listed', 'erasing', 'failed', 'erased'));
