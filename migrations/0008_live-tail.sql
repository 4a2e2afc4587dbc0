-- Up Migration

-- What was stored since: the batches of a partition after an offset.
CREATE INDEX batches_by_place ON batches (log_id, topic, partition, next_offset);
-- Between which times the events of a batch lie, so that only their partitions are asked. Null: not known, or none.
ALTER TABLE batches ADD COLUMN occurred_from timestamptz, ADD COLUMN occurred_to timestamptz;
-- The events of a batch. Rows are appended in about the order of their batches, so that the bounds of some pages at a
-- time will do: no bytes an event. Pages that are not summed up yet are read whole.
CREATE INDEX events_by_batch ON events USING brin (batch_id) WITH (pages_per_range = 16, autosummarize = on);

-- Down Migration

DROP INDEX events_by_batch;
ALTER TABLE batches DROP COLUMN occurred_from, DROP COLUMN occurred_to;
DROP INDEX batches_by_place;
