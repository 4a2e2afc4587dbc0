/**
 * Common table expressions that book rows of `events` as removed, in the statement that removes them: in the ledger, against the
 * hour of the log that stored them, and at their batches. They follow `gone`, which has project_id, batch_id and
 * received_at of each row; `by_batch` has their numbers (`n`).
 */
export const BOOK_REMOVED = `
  by_batch AS MATERIALIZED (
    SELECT project_id, batch_id, date_trunc('hour', received_at, 'UTC') AS received_hour, count(*) AS n
    FROM gone GROUP BY 1, 2, 3
  ), booked AS (
    INSERT INTO ledger AS l (project_id, hour, log_id, topic, partition, removed)
    SELECT g.project_id, greatest(least(g.received_hour, date_trunc('hour', b.last_log_time, 'UTC')),
        date_trunc('hour', b.first_log_time, 'UTC')) AS hour, b.log_id, b.topic, b.partition, sum(g.n)::bigint
    FROM by_batch g JOIN batches b ON b.id = g.batch_id
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (project_id, hour, log_id, topic, partition) DO UPDATE SET removed = l.removed + excluded.removed
  ), counted AS (
    UPDATE batches b SET removed = b.removed + g.n
    FROM (SELECT batch_id, sum(n)::integer AS n FROM by_batch GROUP BY batch_id ORDER BY batch_id) g WHERE b.id = g.batch_id
  )`;
