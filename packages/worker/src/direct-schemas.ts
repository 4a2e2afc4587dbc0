import { setTimeout as sleep } from 'node:timers/promises';
import { directSubject, KEY_HEADER, type RecordRefusal, schemaIdOf } from '@wayline/contracts';
import type { LogRecord } from '@wayline/event-log';
import {
  createSchemaCache,
  type FoundSchema,
  type RegistryClient,
  RegistryUnavailableError,
} from '@wayline/event-log/registry';
import type { Verifier } from '@wayline/identity/verify';
import type { SettingsView } from '@wayline/settings';
import type { WorkerLogger } from './worker-logger.ts';

/** By schema id: why records that were written by it are refused. What is absent is good. */
export type SchemaRefusals = ReadonlyMap<number, RecordRefusal>;

export interface DirectSchemasOptions {
  registry: Pick<RegistryClient, 'find'>;
  verifier: Pick<Verifier, 'writeKey'>;
  settings: Pick<SettingsView, 'key'>;
  logger: WorkerLogger;
  /** Between attempts at a registry that does not answer, ms. Default 500, and then up to 20 times that. */
  pauseMs?: number;
}

export interface DirectSchemas {
  /**
   * Judges the schemas of framed records of `wayline.direct`. While the registry is away it waits, for as long as the signal
   * is not aborted: an outage makes no dead letters. Rejects with the signal's reason.
   */
  judge(records: readonly LogRecord[], signal: AbortSignal): Promise<SchemaRefusals>;
}

const ALARM_EVERY_MS = 30_000;
const LONGEST_PAUSE = 20;

export function createDirectSchemas(options: DirectSchemasOptions): DirectSchemas {
  const { registry, verifier, settings, logger, pauseMs = 500 } = options;
  const subject = directSubject().name;
  const isGood = ({ type, subjects }: FoundSchema) => type === 'JSON' && subjects.includes(subject);
  const cache = createSchemaCache({ registry, isGood });
  let alarmedAtMs = Number.NEGATIVE_INFINITY;

  /** Whoever may not write cannot make us ask, or wait. */
  function mayWrite({ headers, timeMs }: LogRecord): boolean {
    const text = headers[KEY_HEADER];
    const principal = text && verifier.writeKey(text.toString());
    if (!principal) return false;
    const { refused, refusedAtMs = 0 } = settings.key(principal.projectId, principal.id);
    return !refused || timeMs < refusedAtMs;
  }

  async function look(ids: ReadonlySet<number>, signal: AbortSignal) {
    const begunMs = performance.now();
    for (let failures = 0; ; failures++) {
      try {
        const found = await cache.look(ids, signal);
        if (failures > 0)
          logger.info({ waitedMs: Math.round(performance.now() - begunMs) }, 'the schema registry answers again');
        return found;
      } catch (error) {
        if (!(error instanceof RegistryUnavailableError)) throw error;
        alarm(error, ids);
        await sleep(pauseMs * Math.min(2 ** failures, LONGEST_PAUSE), undefined, { signal });
      }
    }
  }

  function alarm(error: RegistryUnavailableError, ids: ReadonlySet<number>): void {
    if (performance.now() - alarmedAtMs < ALARM_EVERY_MS) return;
    alarmedAtMs = performance.now();
    logger.error(
      { err: error, schemaIds: [...ids].slice(0, 10) },
      `records of ${subject} wait for the schema registry: ${error.message}`,
    );
  }

  return {
    async judge(records, signal) {
      const ids = new Set<number>();
      for (const record of records) {
        const id = schemaIdOf(record.value);
        if (id !== undefined && mayWrite(record)) ids.add(id);
      }
      const refusals = new Map<number, RecordRefusal>();
      if (ids.size === 0) return refusals;
      for (const [id, schema] of await look(ids, signal)) {
        const refusal = schema ? !isGood(schema) && wrong(id, schema) : unknown(id);
        if (refusal) refusals.set(id, refusal);
      }
      return refusals;
    },
  };

  function wrong(id: number, { type, subjects }: FoundSchema): RecordRefusal {
    const named = subjects.slice(0, 5).join(', ') || 'none';
    const detail = `schema ${id} is ${type === 'JSON' ? 'a JSON Schema' : `of type ${type}`}, of the subjects: ${named}; it must be a JSON Schema of ${subject}`;
    return { code: 'wrong_schema', detail: detail.slice(0, 500) };
  }
}

const unknown = (id: number): RecordRefusal => ({
  code: 'unknown_schema',
  detail: `the schema registry knows no schema ${id}`,
});
