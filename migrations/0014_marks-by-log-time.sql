-- Up Migration

-- How far hops are complete is the least log time of the marks, which each graph tells. Half a million wait where a worker is
-- near what the machine stores, and were read through for it.
CREATE INDEX dirty_sessions_by_log_time ON dirty_sessions (project_id, log_time);

-- Down Migration

DROP INDEX dirty_sessions_by_log_time;
