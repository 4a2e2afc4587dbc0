import { setTimeout as sleep } from 'node:timers/promises';
import type { FoundSchema, RegistryClient } from './registry-client.ts';

export interface SchemaCacheOptions {
  registry: Pick<RegistryClient, 'find'>;
  /** At most so many ids are remembered. Default 1000. */
  maxIds?: number;
  /** For so long a schema is remembered that is not known, or not good, ms. Default 60,000. */
  doubtMs?: number;
  /** An id that the registry does not know is asked for once more after so long, ms. Default 500. */
  againMs?: number;
  /** What a schema must be for its id to be remembered for good. */
  isGood(schema: FoundSchema): boolean;
  /** Of a clock that never goes back, ms. */
  now?: () => number;
}

export interface SchemaCache {
  /**
   * What the registry says of each id, undefined where it knows none; asked only for those that are not remembered.
   * Rejects with `RegistryUnavailableError` if it does not answer for one of them; what it did answer is remembered.
   */
  look(ids: ReadonlySet<number>, signal: AbortSignal): Promise<ReadonlyMap<number, FoundSchema | undefined>>;
}

interface Entry {
  schema: FoundSchema | undefined;
  /** It counts until then. */
  untilMs: number;
}

const ASKED_AT_ONCE = 8;

/**
 * An id never gets another schema: what is good stays good, with the registry away. A schema that was registered a moment
 * ago may be unknown to one of several nodes, so that an unknown one is doubted once, and forgotten soon.
 */
export function createSchemaCache(options: SchemaCacheOptions): SchemaCache {
  const { registry, isGood, maxIds = 1000, doubtMs = 60_000, againMs = 500, now = () => performance.now() } = options;
  const entries = new Map<number, Entry>();

  function remembered(id: number): Entry | undefined {
    const entry = entries.get(id);
    if (!entry) return undefined;
    entries.delete(id);
    if (entry.untilMs < now()) return undefined;
    entries.set(id, entry); // now the one used last
    return entry;
  }

  function remember(id: number, schema: FoundSchema | undefined): Entry {
    const entry = { schema, untilMs: schema && isGood(schema) ? Number.POSITIVE_INFINITY : now() + doubtMs };
    entries.set(id, entry);
    const [oldest] = entries.keys();
    if (entries.size > maxIds && oldest !== undefined) entries.delete(oldest);
    return entry;
  }

  /** @returns the ids that the registry does not know */
  async function askFor(
    ids: readonly number[],
    found: Map<number, FoundSchema | undefined>,
    signal: AbortSignal,
  ): Promise<number[]> {
    const unknown: number[] = [];
    const queue = [...ids];
    const lane = async (): Promise<void> => {
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
        const schema = await registry.find(id, signal);
        if (schema) found.set(id, remember(id, schema).schema);
        else unknown.push(id);
      }
    };
    const outcomes = await Promise.allSettled(Array.from({ length: Math.min(ASKED_AT_ONCE, ids.length) }, lane));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return unknown;
  }

  return {
    async look(ids, signal) {
      const found = new Map<number, FoundSchema | undefined>();
      const missing: number[] = [];
      for (const id of ids) {
        const entry = remembered(id);
        if (entry) found.set(id, entry.schema);
        else missing.push(id);
      }
      let unknown = missing.length > 0 ? await askFor(missing, found, signal) : [];
      if (unknown.length > 0) {
        await sleep(againMs, undefined, { signal });
        unknown = await askFor(unknown, found, signal);
      }
      for (const id of unknown) found.set(id, remember(id, undefined).schema);
      return found;
    },
  };
}
