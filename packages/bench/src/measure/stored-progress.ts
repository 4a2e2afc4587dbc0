import { TOPICS } from '@wayline/contracts';
import { Client } from 'pg';

/** How far the worker has stored a topic; a look costs a few tenths of a millisecond. */
export interface StoredProgress {
  /** Records stored, of all its partitions: the topic must begin at offset 0. `walBytes`: written ahead by the server so far. */
  look(): Promise<{ records: number; walBytes: number }>;
  close(): Promise<void>;
}

const LOOK = `
  SELECT coalesce(sum(next_offset), 0)::float8 AS records,
    pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS "walBytes" FROM positions WHERE topic = $1`;

/** The worker's own: it gives way to whoever else is at work in the database, and would to who only looks how far it is. */
const APPLICATION = 'wayline worker';

export async function watchProgress(url: string, topic: string = TOPICS.events): Promise<StoredProgress> {
  const client = new Client({ connectionString: url, application_name: APPLICATION });
  // Where the benchmark is stopped its server goes first: that must not end it before all is closed.
  client.on('error', () => undefined);
  await client.connect();
  return {
    async look() {
      const { rows } = await client.query<{ records: number; walBytes: number }>({
        name: 'progress',
        text: LOOK,
        values: [topic],
      });
      return rows[0] as { records: number; walBytes: number };
    },
    close: () => client.end(),
  };
}
