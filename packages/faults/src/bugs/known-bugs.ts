/** A bug that is planted into a copy of the built program, to see that the suite finds it. */
export interface PlantedBug {
  name: string;
  /** The compiled file, from the root of the repository. */
  file: string;
  /** What is replaced; it must be there exactly once. */
  find: RegExp;
  /** As of `String.replace`. */
  replacement: string;
  /** The kinds of faults that are injected then. */
  faults: readonly string[];
}

// Each send waits for nothing but its own answer, as one would write it: after a lost answer kafkajs gives the numbers of
// its records a second time.
const IDEMPOTENT_APPEND = `append: (() => {
          let producer;
          const open = async () => {
            const { Kafka, Partitioners } = (await import('kafkajs')).default;
            const opened = new Kafka({ brokers: [...brokers], clientId, logLevel: 0 })
              .producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
            await opened.connect();
            return opened;
          };
          return async (topic, records) => {
            const own = (producer ??= open());
            const messages = records.map(({ key, value, headers }) => ({ key, value, headers }));
            try {
              await (await own).send({ topic, messages });
            } catch (error) {
              if (producer === own) producer = undefined;
              throw new LogUnavailableError('unavailable', error.message);
            }
          };
        })(),`;

export const KNOWN_BUGS: readonly PlantedBug[] = [
  {
    name: 'commit-before-insert',
    file: 'packages/store/dist/write/batch-writer.js',
    find: /const \[batchIds, \w+\] = await askTogether\([^;]*;/,
    replacement: "$& await client.query('COMMIT'); await client.query('BEGIN');",
    faults: ['worker killed in a COPY', 'worker stands still in a COPY', 'PostgreSQL stopped at once'],
  },
  {
    name: 'idempotent-producer',
    file: 'packages/event-log/dist/kafka/create-kafka-log.js',
    find: /append: \(topic, records\) => appender\.append\(topic, records\),/,
    replacement: IDEMPOTENT_APPEND,
    faults: ["answers to ingest's appends lost"],
  },
  {
    name: 'acknowledge-before-append',
    file: 'packages/ingest/dist/append-events.js',
    find: /return log\.append\(([^)]*)\)\.catch\(\w+\);/,
    replacement: 'log.append($1).catch(() => undefined); return Promise.resolve();',
    // What was acknowledged early is lost where the process dies before its append: so appends are made to take their time.
    faults: ['ingest killed', 'brokers slow'],
  },
  {
    name: 'count-duplicates',
    file: 'packages/store/dist/write/batch-writer.js',
    find: /deltasOf\(table, of\)/,
    replacement: 'deltasOf(table, candidates)',
    faults: ['every batch sent twice'],
  },
];
