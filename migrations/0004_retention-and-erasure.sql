-- Up Migration

-- Who was erased, and up to when: what was received before is dropped when it is read from the log again. The id itself is
-- not kept, only its keyed hash. finished_at: when the last row was gone; null while that is still to be done.
CREATE TABLE erasures (
  project_id integer NOT NULL,
  user_hash bytea NOT NULL,
  before timestamptz NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  PRIMARY KEY (project_id, user_hash)
);

-- One row: the key of the hashes (of two random UUIDs, 244 random bits), and a version that changes with every erasure.
-- A worker reads it in each transaction; so an erasure is heeded from the moment it is committed.
CREATE TABLE erasure_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  secret bytea NOT NULL,
  version bigint NOT NULL
);
INSERT INTO erasure_state (secret, version)
VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 0);

-- Up to which log time everything was stored, as a worker last saw it: nothing newer than that counts as expired.
CREATE TABLE log_progress (
  log_id text NOT NULL,
  group_name text NOT NULL,
  complete_through timestamptz NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (log_id, group_name)
);

-- erased: records of the batch that were dropped, for the sake of an erasure. removed: events that the batch stored and
-- that are gone since; where that is all of them, nothing refers to the row any more.
ALTER TABLE batches ADD COLUMN erased integer NOT NULL DEFAULT 0, ADD COLUMN removed integer NOT NULL DEFAULT 0;

-- Down Migration

ALTER TABLE batches DROP COLUMN erased, DROP COLUMN removed;
DROP TABLE log_progress, erasure_state, erasures;
