-- Up Migration

-- A project is a tenant: every row of a tenant carries its number. Project 0 is nobody's: records of the log whose
-- project cannot be told are booked there. `positions` and `batches` describe the log, which all projects share.
CREATE TABLE projects (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug text NOT NULL UNIQUE,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE write_keys (
  project_id integer NOT NULL REFERENCES projects (id),
  key_id text NOT NULL,
  name text NOT NULL,
  allow_import boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  PRIMARY KEY (project_id, key_id)
);

-- Names that repeat, by a 64-bit hash. kind: 1 type, 2 namespace, 3 user agent.
CREATE TABLE names (
  project_id integer NOT NULL,
  kind smallint NOT NULL,
  id bigint NOT NULL,
  name text NOT NULL,
  PRIMARY KEY (project_id, kind, id)
);

-- Apps and microservices that reported, by a 64-bit hash of all four. kind: 1 app, 2 microservice.
CREATE TABLE sources (
  project_id integer NOT NULL,
  id bigint NOT NULL,
  kind smallint NOT NULL,
  name text NOT NULL,
  version text,
  instance text,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX sources_by_name ON sources (project_id, kind, name);

-- Ids are compared by bytes (COLLATE "C"): faster, and the same order in every database and in the worker.
-- The key removes a sender's retries, and is the index that finds a session's rows. occurred_at + skew_ms is the
-- corrected time. Wide columns first, so that no bytes are lost to alignment. inline_names holds the names whose hash
-- was taken by another name. No default partition: a row without one must fail, not pile up.
CREATE TABLE events (
  occurred_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  batch_id bigint NOT NULL,
  type_id bigint,
  namespace_id bigint,
  source_id bigint,
  user_agent_id bigint,
  seq bigint,
  value double precision,
  project_id integer NOT NULL,
  skew_ms integer NOT NULL,
  batch_index integer NOT NULL,
  platform smallint,
  event_id uuid NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C",
  anonymous_id text COLLATE "C",
  machine_id text COLLATE "C",
  target text,
  page text,
  referrer text,
  context json,
  inline_names json,
  PRIMARY KEY (project_id, session_id, occurred_at, event_id)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX events_by_machine ON events (project_id, machine_id, occurred_at) WHERE machine_id IS NOT NULL;

-- One row a session, merged from its events in any order: times by least/greatest, counts by addition; user, machine
-- and platform from the event with the greatest (corrected time, id) that has one.
CREATE TABLE sessions (
  project_id integer NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  started_at timestamptz,
  ended_at timestamptz,
  refreshed_at timestamptz,
  event_count bigint NOT NULL,
  previous_session_id text COLLATE "C",
  user_id text COLLATE "C",
  user_at timestamptz,
  user_event uuid,
  machine_id text COLLATE "C",
  machine_at timestamptz,
  machine_event uuid,
  platform smallint,
  platform_at timestamptz,
  platform_event uuid,
  source_ids bigint[] NOT NULL DEFAULT '{}',
  type_ids bigint[] NOT NULL DEFAULT '{}',
  is_long boolean GENERATED ALWAYS AS (last_at - first_at > interval '1 day') STORED,
  PRIMARY KEY (project_id, session_id)
) WITH (fillfactor = 80);
CREATE INDEX sessions_by_time ON sessions (project_id, first_at DESC, session_id);
-- Which sessions overlap a range: those that began up to a day before it, and the few long ones. An index on last_at
-- would be written anew with every batch of a session.
CREATE INDEX sessions_long ON sessions (project_id, first_at DESC, session_id) WHERE is_long;
CREATE INDEX sessions_by_previous ON sessions (project_id, previous_session_id) WHERE previous_session_id IS NOT NULL;
-- For lists by app, microservice and type. Both sets grow with the first events of a session and then stay, so most
-- updates of a row do not touch it. The pending list is kept short, because every search reads it.
CREATE INDEX sessions_by_names ON sessions USING gin (source_ids, type_ids) WITH (gin_pending_list_limit = 512);
CREATE INDEX sessions_by_user ON sessions (project_id, user_id, first_at DESC) WHERE user_id IS NOT NULL;

-- Which machines a session touched: a session may move between machines.
CREATE TABLE session_machines (
  project_id integer NOT NULL,
  machine_id text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  event_count bigint NOT NULL,
  PRIMARY KEY (project_id, machine_id, session_id)
) WITH (fillfactor = 80);

CREATE TABLE machines (
  project_id integer NOT NULL,
  machine_id text COLLATE "C" NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, machine_id)
) WITH (fillfactor = 80);

-- Opaque ids only: no personal data is kept of a user.
CREATE TABLE users (
  project_id integer NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, user_id)
) WITH (fillfactor = 80);

-- How far each partition of the log is stored. Moved only by the transaction that writes the rows.
CREATE TABLE positions (
  log_id text NOT NULL,
  group_name text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  next_offset bigint NOT NULL,
  last_offset bigint,
  last_log_time timestamptz,
  last_checksum bigint,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (log_id, group_name, topic, partition)
) WITH (fillfactor = 50);

CREATE SEQUENCE batch_ids;
CREATE TABLE batches (
  id bigint PRIMARY KEY,
  log_id text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  first_offset bigint NOT NULL,
  next_offset bigint NOT NULL,
  first_log_time timestamptz,
  last_log_time timestamptz,
  stored integer NOT NULL,
  duplicate integer NOT NULL,
  dead_lettered integer NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- read = stored + duplicate + dead_lettered + erased, per hour of the log; expired: never read; removed: stored once,
-- gone since by retention or erasure. Rows differ by partition so that workers do not wait for one another.
CREATE TABLE ledger (
  project_id integer NOT NULL,
  hour timestamptz NOT NULL,
  log_id text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  read bigint NOT NULL DEFAULT 0,
  stored bigint NOT NULL DEFAULT 0,
  duplicate bigint NOT NULL DEFAULT 0,
  dead_lettered bigint NOT NULL DEFAULT 0,
  erased bigint NOT NULL DEFAULT 0,
  expired bigint NOT NULL DEFAULT 0,
  removed bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (project_id, hour, log_id, topic, partition)
) WITH (fillfactor = 80);

CREATE TABLE dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id integer NOT NULL,
  log_id text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  log_offset bigint NOT NULL,
  log_time timestamptz NOT NULL,
  code text NOT NULL,
  detail text NOT NULL,
  event_id uuid,
  session_id text COLLATE "C",
  record_key bytea,
  record_value bytea,
  record_headers jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  replayed_at timestamptz,
  discarded_at timestamptz,
  UNIQUE (log_id, topic, partition, log_offset)
);
CREATE INDEX dead_letters_by_project ON dead_letters (project_id, id DESC);
CREATE INDEX dead_letters_by_event ON dead_letters (project_id, event_id) WHERE event_id IS NOT NULL;

-- Ids of events whose key a retry might not meet: without a time of the sender's own, or with a clock far off.
CREATE TABLE unclocked_ids (
  project_id integer NOT NULL,
  event_id uuid NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, event_id, session_id)
);
CREATE INDEX unclocked_ids_by_age ON unclocked_ids (claimed_at);

-- Down Migration

DROP TABLE unclocked_ids, dead_letters, ledger, batches, positions, users, machines, session_machines, sessions, events,
  sources, names, write_keys, projects;
DROP SEQUENCE batch_ids;
