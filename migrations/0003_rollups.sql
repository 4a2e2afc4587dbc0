-- Up Migration

-- Events by minute of their corrected time, namespace and type: what series read. Several rows may stand for one minute,
-- one a slot: transactions in flight at the same time have different slots, so that none waits for another. Their sums are
-- the truth; old minutes are brought into slot -1 in the background. first_* are the lowest corrected times: of
-- all events, and of those with a value.
CREATE TABLE series_minutes (
  minute timestamptz NOT NULL,
  namespace_id bigint NOT NULL,
  type_id bigint NOT NULL,
  project_id integer NOT NULL,
  slot smallint NOT NULL,
  events bigint NOT NULL,
  valued bigint NOT NULL,
  value_sum double precision NOT NULL,
  value_min double precision,
  value_max double precision,
  first_at timestamptz NOT NULL,
  first_valued_at timestamptz,
  PRIMARY KEY (project_id, namespace_id, type_id, minute, slot)
) WITH (fillfactor = 70);

CREATE INDEX series_minutes_in_slots ON series_minutes (minute) WHERE slot >= 0;

-- Who was seen in an hour: exact uniques. A user is the userId, else the anonymousId. Only new rows add to
-- hours.unique_users, in the same transaction; so the counters outlive these rows.
CREATE TABLE hour_users (
  hour timestamptz NOT NULL,
  project_id integer NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (project_id, hour, user_id)
);

-- Slots as in series_minutes.
CREATE TABLE hours (
  hour timestamptz NOT NULL,
  project_id integer NOT NULL,
  slot smallint NOT NULL,
  events bigint NOT NULL,
  clicks bigint NOT NULL,
  impressions bigint NOT NULL,
  unique_users bigint NOT NULL,
  PRIMARY KEY (project_id, hour, slot)
) WITH (fillfactor = 70);

-- When users were seen stands in hour_users and sessions; written here with every batch, it cost more than it told.
ALTER TABLE users DROP COLUMN first_at, DROP COLUMN last_at,
  ADD COLUMN saw_object boolean NOT NULL DEFAULT false;

-- What operators set for the workers of a group while they run.
CREATE TABLE worker_throttles (
  group_name text PRIMARY KEY,
  settings jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO series_minutes (project_id, namespace_id, type_id, minute, slot, events, valued, value_sum, value_min, value_max,
  first_at, first_valued_at)
SELECT project_id, namespace_id, type_id, date_trunc('minute', at, 'UTC'), -1, count(*), count(value),
  coalesce(sum(value), 0), min(value), max(value), min(at), min(at) FILTER (WHERE value IS NOT NULL)
FROM (SELECT *, occurred_at + skew_ms * interval '1 ms' AS at FROM events) e
WHERE namespace_id IS NOT NULL AND type_id IS NOT NULL
GROUP BY 1, 2, 3, 4;

INSERT INTO hour_users (project_id, hour, user_id)
SELECT DISTINCT project_id, date_trunc('hour', at, 'UTC'), seen
FROM (SELECT project_id, occurred_at + skew_ms * interval '1 ms' AS at,
        coalesce(nullif(user_id, ''), anonymous_id) AS seen FROM events) e
WHERE seen <> '';

INSERT INTO hours (project_id, hour, slot, events, clicks, impressions, unique_users)
SELECT project_id, hour, -1, sum(events), coalesce(sum(events) FILTER (WHERE name = 'click'), 0),
  coalesce(sum(events) FILTER (WHERE name = 'impression'), 0),
  (SELECT count(*) FROM hour_users u WHERE u.project_id = m.project_id AND u.hour = m.hour)
FROM (SELECT s.project_id, date_trunc('hour', minute, 'UTC') AS hour, s.events, n.name FROM series_minutes s
      JOIN names n ON n.project_id = s.project_id AND n.kind = 1 AND n.id = s.type_id) m
GROUP BY project_id, hour;

UPDATE users u SET saw_object = true
FROM names n JOIN events e ON e.project_id = n.project_id AND e.type_id = n.id
WHERE n.kind = 1 AND n.name = 'objectInView' AND u.project_id = n.project_id
  AND u.user_id = coalesce(nullif(e.user_id, ''), e.anonymous_id);

-- Down Migration

DROP TABLE worker_throttles, hours, hour_users, series_minutes;
ALTER TABLE users DROP COLUMN saw_object,
  ADD COLUMN first_at timestamptz NOT NULL DEFAULT now(), ADD COLUMN last_at timestamptz NOT NULL DEFAULT now();
