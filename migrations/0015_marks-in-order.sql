-- Up Migration

-- The remaker takes the oldest marks, and others of the same sessions. Where many wait, each of its passes read all of them through,
-- twice, however few it took.
CREATE INDEX dirty_sessions_in_order ON dirty_sessions (dirty_at);
CREATE INDEX dirty_sessions_by_session ON dirty_sessions (project_id, session_id);

-- Down Migration

DROP INDEX dirty_sessions_by_session, dirty_sessions_in_order;
