-- Up Migration

-- The record with which a dead letter is replayed, fixed before it is appended: however often it is tried, and by
-- whomever, it is the same event. Set and replayed_at not: it may be in the log already.
ALTER TABLE dead_letters ADD COLUMN replay_value bytea;
-- Few, among many that are done with.
CREATE INDEX dead_letters_open ON dead_letters (project_id, id) WHERE replayed_at IS NULL AND discarded_at IS NULL;

-- Down Migration

DROP INDEX dead_letters_open;
ALTER TABLE dead_letters DROP COLUMN replay_value;
