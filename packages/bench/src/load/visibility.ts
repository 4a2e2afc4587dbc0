import { Client } from 'pg';
import type { Probe } from './probe-sender.ts';

/** An acknowledged event that is looked for. */
export interface AwaitedProbe extends Probe {
  isMeasured: boolean;
  /** `performance.now()` */
  acknowledgedMs: number;
}

export interface Visibility {
  await(probe: AwaitedProbe): void;
  /** Those that can be seen now, and could not at the last look. One query for all that are awaited. */
  look(): Promise<AwaitedProbe[]>;
  readonly waiting: number;
  /** For how long the first of those that are waited for has been, ms; 0 where none is. */
  longestMs(): number;
  close(): Promise<void>;
}

/** The oldest come first, should there be more. */
const MOST_AT_ONCE = 200;

// By the primary key alone, each in its partition, whatever the planner believes of tables that were empty a moment ago.
const SETTINGS = `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
  SET plan_cache_mode = force_generic_plan`;
const LOOK = `SELECT e.event_id::text AS id
  FROM unnest($2::text[], $3::timestamptz[], $4::uuid[]) AS p (session_id, occurred_at, event_id)
  JOIN events e ON e.project_id = $1 AND e.session_id = p.session_id AND e.occurred_at = p.occurred_at
    AND e.event_id = p.event_id`;

export async function openVisibility(about: { databaseUrl: string; projectId: number }): Promise<Visibility> {
  const { databaseUrl, projectId } = about;
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(SETTINGS);
  const awaited = new Map<string, AwaitedProbe>();
  return {
    await: (probe) => void awaited.set(probe.eventId, probe),
    async look() {
      if (awaited.size === 0) return [];
      const asked = [...awaited.values()].slice(0, MOST_AT_ONCE);
      const { rows } = await client.query<{ id: string }>({
        name: 'look',
        text: LOOK,
        values: [
          projectId,
          asked.map(({ sessionId }) => sessionId),
          asked.map(({ occurredAt }) => occurredAt),
          asked.map(({ eventId }) => eventId),
        ],
      });
      return rows.map(({ id }) => {
        const found = awaited.get(id) as AwaitedProbe;
        awaited.delete(id);
        return found;
      });
    },
    get waiting() {
      return awaited.size;
    },
    longestMs() {
      const [first] = awaited.values();
      return first ? performance.now() - first.acknowledgedMs : 0;
    },
    close: () => client.end(),
  };
}
