-- Up Migration

-- Between which skews the events of a session are, so that a range of corrected times is one of occurred_at that is no
-- wider than it must be. skews_of: how many events the two were taken over. Where those are fewer than event_count, some
-- were stored by an older program, and a skew may be anything that a clock may be off.
ALTER TABLE sessions
  ADD COLUMN least_skew_ms integer NOT NULL DEFAULT 0,
  ADD COLUMN greatest_skew_ms integer NOT NULL DEFAULT 0,
  ADD COLUMN skews_of bigint NOT NULL DEFAULT 0;

-- Down Migration

ALTER TABLE sessions DROP COLUMN least_skew_ms, DROP COLUMN greatest_skew_ms, DROP COLUMN skews_of;
