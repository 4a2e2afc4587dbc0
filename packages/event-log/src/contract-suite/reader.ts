import { setTimeout as sleep } from 'node:timers/promises';
import type {
  BeginAnswer,
  ConsumeOptions,
  EventLog,
  Lease,
  LogBatch,
  LogConsumer,
  PartitionRange,
} from '../event-log.ts';

export interface ReaderOptions extends Partial<ConsumeOptions> {
  topic: string;
}

/** A consumer of a test, with all that happened to it, in order. */
export interface Reader {
  consumer: LogConsumer;
  /** Every call of `begin`. */
  begins: { range: PartitionRange; lease: Lease }[];
  /** Every call of `handle`. */
  batches: LogBatch[];
  /** How many records were handed over. */
  count(partition?: number): number;
  /** The values handed over, as text, in the order of the calls. */
  values(partition?: number): string[];
  /** Resolves when the condition holds; it is looked at whenever something happened, and now and then. Fails after 40 s. */
  until(what: string, condition: () => boolean): Promise<void>;
}

let groups = 0;

/** A group that no other test has. */
export const newGroup = (): string => `contract-${process.pid}-${Date.now()}-${groups++}`;

/** Long enough for a busy machine; it costs nothing where all goes well. */
const PATIENCE_MS = 40_000;

/** Starts a consumer: from the start of each partition, to the end of each batch, unless told otherwise. */
export async function startReader(log: EventLog, options: ReaderOptions): Promise<Reader> {
  const begins: Reader['begins'] = [];
  const batches: LogBatch[] = [];
  const waiting = new Set<() => void>();
  const batchesOf = (partition?: number) =>
    batches.filter((batch) => partition === undefined || batch.partition === partition);
  const happened = () => {
    for (const look of [...waiting]) look();
  };

  const consumer = await log.consume({
    group: newGroup(),
    topics: [options.topic],
    ...options,
    async begin(range, lease): Promise<BeginAnswer> {
      begins.push({ range, lease });
      happened();
      return options.begin ? options.begin(range, lease) : { offset: range.start };
    },
    async handle(batch, lease): Promise<number> {
      batches.push(batch);
      happened();
      try {
        return await (options.handle ? options.handle(batch, lease) : batch.nextOffset);
      } finally {
        happened();
      }
    },
  });

  return {
    consumer,
    begins,
    batches,
    count: (partition) => batchesOf(partition).reduce((sum, { records }) => sum + records.length, 0),
    values: (partition) => batchesOf(partition).flatMap(valuesOf),
    async until(what, condition) {
      const enough = new AbortController();
      const held = new Promise<void>((resolve) => {
        const look = () => condition() && resolve();
        waiting.add(look);
        const others = setInterval(look, 20); // what it looks at may be moved by another reader
        enough.signal.addEventListener('abort', () => {
          waiting.delete(look);
          clearInterval(others);
        });
        look();
      });
      const tooLate = sleep(PATIENCE_MS, undefined, { signal: enough.signal }).then(
        () => {
          const got = `${begins.length} calls of begin, ${batches.length} batches`;
          throw new Error(`Not seen in ${PATIENCE_MS} ms: ${what} (${got})`);
        },
        () => {}, // no longer waited for
      );
      // A consumer that ended for good would be waited for in vain.
      const ended = consumer.ended.then(() => new Promise<void>(() => {}));
      try {
        await Promise.race([held, tooLate, ended]);
      } finally {
        enough.abort();
      }
    },
  };
}

export const valuesOf = (batch: LogBatch): string[] => batch.records.map(({ value }) => String(value));

/** So many records of one key, with the values `prefix0`, `prefix1`, … */
export function numbered(count: number, { key = 'key', prefix = '', from = 0 } = {}) {
  return Array.from({ length: count }, (_, i) => ({ key, value: Buffer.from(`${prefix}${from + i}`) }));
}

/** The values of `numbered`. */
export const numbers = (count: number, { prefix = '', from = 0 } = {}): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${from + i}`);

/** For each partition, a key that goes there. */
export function keysByPartition(partitions: number, partitionOf: (key: Uint8Array, count: number) => number): string[] {
  const keys = new Map<number, string>();
  for (let i = 0; keys.size < partitions; i++) {
    const partition = partitionOf(Buffer.from(`key-${i}`), partitions);
    if (!keys.has(partition)) keys.set(partition, `key-${i}`);
  }
  return Array.from({ length: partitions }, (_, partition) => keys.get(partition) as string);
}
