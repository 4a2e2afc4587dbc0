-- Up Migration

-- How many users a project has had in all, and how many of them saw an object: what `users` holds, without reading all of
-- it each minute. Whatever adds to `users` or takes from it adds a row of deltas in the same transaction, so that nobody
-- waits for anybody; once a minute these are summed up into the counts. A program that does not know them yet adds none:
-- so everything is counted afresh now and then.
CREATE TABLE user_counts (
  users bigint NOT NULL,
  saw_object bigint NOT NULL,
  project_id integer PRIMARY KEY
) WITH (fillfactor = 50);

CREATE TABLE user_count_deltas (
  users bigint NOT NULL,
  saw_object bigint NOT NULL,
  project_id integer NOT NULL
);

-- The counts as they were in each minute.
CREATE TABLE user_count_history (
  minute timestamptz NOT NULL,
  users bigint NOT NULL,
  saw_object bigint NOT NULL,
  project_id integer NOT NULL,
  PRIMARY KEY (project_id, minute)
);
CREATE INDEX user_count_history_by_time ON user_count_history (minute);

-- Down Migration

DROP TABLE user_count_history, user_count_deltas, user_counts;
