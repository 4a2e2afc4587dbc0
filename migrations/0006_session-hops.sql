-- Up Migration

-- From app to app within sessions: one row a hop, at the corrected time of the first event in the app gone to. Remade in
-- the background around new events, since one that comes late may split a hop.
CREATE TABLE session_hops (
  at timestamptz NOT NULL,
  event_id uuid NOT NULL,
  project_id integer NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  from_app text NOT NULL,
  to_app text NOT NULL,
  PRIMARY KEY (project_id, session_id, at, event_id)
);
CREATE INDEX session_hops_by_time ON session_hops (project_id, at);

-- Which sessions have new events of apps, between which corrected times, and from which log time on. Rows are only
-- added, in the transaction that stores the events, so that nobody waits for anybody.
CREATE TABLE dirty_sessions (
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL,
  log_time timestamptz NOT NULL,
  marked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  project_id integer NOT NULL,
  session_id text COLLATE "C" NOT NULL
);

INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time)
SELECT project_id, session_id, '-infinity', 'infinity', first_at FROM sessions;

-- Down Migration

DROP TABLE dirty_sessions, session_hops;
