-- Up Migration

-- Every visit of a session to an app: a row a hop, and one for where it began (`from_app` empty and `stay_class` −1). What is
-- asked of visits over any range is kept in the row, so that it can be counted there, and added up over days:
-- nth: order among the visits of one millisecond. stay_ms: how long the app before was visited, until this hop.
-- stay_class: grows with stay_ms. app_before_at, edge_before_at: when the session came to this app, or made this very
-- hop, the last time before. is_loop: back to the app before the one before. is_last: none follows so far.
-- recurs: one of the two was on an earlier day.
TRUNCATE session_hops;
ALTER TABLE session_hops
  ADD COLUMN nth integer NOT NULL DEFAULT 0,
  DROP CONSTRAINT session_hops_pkey, ADD PRIMARY KEY (project_id, session_id, at, nth),
  ADD COLUMN stay_ms bigint,
  ADD COLUMN stay_class smallint NOT NULL DEFAULT -1,
  ADD COLUMN app_before_at timestamptz,
  ADD COLUMN edge_before_at timestamptz,
  ADD COLUMN is_loop boolean NOT NULL DEFAULT false,
  ADD COLUMN is_last boolean NOT NULL DEFAULT false,
  ADD COLUMN recurs boolean GENERATED ALWAYS AS (
    coalesce((app_before_at AT TIME ZONE 'UTC')::date <> (at AT TIME ZONE 'UTC')::date, false)
    OR coalesce((edge_before_at AT TIME ZONE 'UTC')::date <> (at AT TIME ZONE 'UTC')::date, false)) STORED;
CREATE INDEX session_hops_recurring ON session_hops (project_id, at) WHERE recurs;
-- Finds the very stay at a rank, once hop_days has told its class.
CREATE INDEX session_hops_by_stay ON session_hops (project_id, from_app, to_app, stay_class, at) INCLUDE (stay_ms)
  WHERE stay_class >= 0;

-- Visits by UTC day, added up; written by the transaction that changes session_hops, and by nobody else. *_sessions: visits
-- that are the first of their session on the day, to that app, or by that hop.
CREATE TABLE hop_days (
  day timestamptz NOT NULL,
  project_id integer NOT NULL,
  stay_class smallint NOT NULL,
  from_app text COLLATE "C" NOT NULL,
  to_app text COLLATE "C" NOT NULL,
  visits bigint NOT NULL,
  app_sessions bigint NOT NULL,
  edge_sessions bigint NOT NULL,
  returns bigint NOT NULL,
  loops bigint NOT NULL,
  lasts bigint NOT NULL,
  PRIMARY KEY (project_id, day, from_app, to_app, stay_class)
) WITH (fillfactor = 70);

-- The older program would remake hops without the rest. It writes no marked_at, but needs it to take marks: without it, it
-- goes on storing and marking, and leaves the remaking to the newer one.
ALTER TABLE dirty_sessions RENAME COLUMN marked_at TO dirty_at;

INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time)
SELECT project_id, session_id, '-infinity', 'infinity', first_at FROM sessions;

-- Down Migration

ALTER TABLE dirty_sessions RENAME COLUMN dirty_at TO marked_at;
DROP TABLE hop_days;
DROP INDEX session_hops_recurring, session_hops_by_stay;
DELETE FROM session_hops WHERE stay_class < 0 OR nth > 0;
ALTER TABLE session_hops DROP CONSTRAINT session_hops_pkey, ADD PRIMARY KEY (project_id, session_id, at, event_id),
  DROP COLUMN recurs, DROP COLUMN nth, DROP COLUMN stay_ms, DROP COLUMN stay_class,
  DROP COLUMN app_before_at, DROP COLUMN edge_before_at, DROP COLUMN is_loop, DROP COLUMN is_last;
