-- Up Migration

-- Maintenance sums up what is new, and so does the live tail. PostgreSQL's autovacuum takes 256 requests for that at a time, and about
-- once a minute; of each further one, dozens a second while much is stored, it wrote a line to its log, and the whole COPY
-- with it. The index of `events` itself, which only new partitions take theirs from, cannot be altered: they are as they are made.
DO $$
DECLARE
  part regclass;
BEGIN
  FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'events_by_batch'::regclass LOOP
    EXECUTE format('ALTER INDEX %s SET (autosummarize = off)', part);
  END LOOP;
END $$;

-- Down Migration

DO $$
DECLARE
  part regclass;
BEGIN
  FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'events_by_batch'::regclass LOOP
    EXECUTE format('ALTER INDEX %s SET (autosummarize = on)', part);
  END LOOP;
END $$;
