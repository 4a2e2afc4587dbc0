import { Client } from 'pg';

/** A report that somebody has made of all that is stored, which takes a processor. */
const SCAN = 'SELECT type_id, count(*), sum(length(target)), count(DISTINCT session_id) FROM events GROUP BY 1';
/** Each scan is given up after so long, so that the load ends soon when it is to. */
const LONGEST_MS = 2_000;

/** Another program at work in the same database, one scan after the other, until it is told to end. */
export async function runCompetingLoad(url: string, signal: AbortSignal): Promise<void> {
  const client = new Client({
    connectionString: url,
    application_name: 'a competing load',
    statement_timeout: LONGEST_MS,
  });
  await client.connect();
  try {
    while (!signal.aborted) {
      await client.query(SCAN).catch((error: { code?: string }) => {
        if (error.code !== '57014') throw error;
      });
    }
  } finally {
    await client.end();
  }
}
