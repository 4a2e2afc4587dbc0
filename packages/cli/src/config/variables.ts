import { LIMITS } from '@wayline/contracts';
import { address, brokers, flag, integer, oneOf, path, port, text, type ValueType } from './value-types.ts';

/** What a process is started as; each command belongs to one. */
export const ROLES = [
  'all',
  'ingest',
  'worker',
  'query',
  'migrate',
  'admin',
  'verify',
  'import',
  'dead-letters',
  'export',
] as const;
export type Role = (typeof ROLES)[number];

export interface Variable {
  name: string;
  type: ValueType<unknown>;
  /** One or two sentences for the operator. */
  meaning: string;
  /** The roles that heed it. */
  roles: readonly Role[];
  /** Where it is absent; a function where that differs by role. */
  fallback?: unknown;
  /** The default in words, where `fallback` does not say it. */
  fallbackText?: string;
  /** Roles that do not start without it. */
  requiredBy?: readonly Role[];
}

const SERVING = ['all', 'ingest', 'worker', 'query'] as const;
const LOG = [...SERVING, 'verify'] as const;
const REGISTRY = ['all', 'ingest', 'worker', 'migrate'] as const;
const STORING = ['all', 'worker', 'query', 'migrate', 'admin', 'verify'] as const;

/** Every variable of the environment that Wayline reads: the keys are the fields of `Config`. */
export const VARIABLES = {
  port: {
    name: 'PORT',
    type: port,
    fallback: 4000,
    roles: SERVING,
    meaning: 'Where HTTP is served; the worker serves its health there, and nothing else.',
  },
  host: {
    name: 'HOST',
    type: text,
    fallback: (role: Role): string => (role === 'all' ? '127.0.0.1' : '0.0.0.0'),
    fallbackText: '`127.0.0.1` for `all`, else `0.0.0.0`',
    roles: SERVING,
    meaning: 'The address to listen on.',
  },
  maxConnections: {
    name: 'WAYLINE_MAX_CONNECTIONS',
    type: integer(10, 1_000_000),
    fallback: 5_000,
    roles: SERVING,
    meaning: 'So many clients may be connected at once; more are answered 503.',
  },
  inFlightMegabytes: {
    name: 'WAYLINE_IN_FLIGHT_MB',
    type: integer(9, 4096),
    fallback: 12,
    roles: ['all', 'ingest'],
    meaning:
      'At most so many MiB of requests in hand, from their first byte until their records are in the log: more is answered 503. It bounds the memory of ingest. Where the process has no time left, a quarter of it may wait for the log.',
  },
  requestsPerSecond: {
    name: 'WAYLINE_REQUESTS_PER_SECOND',
    type: integer(1, 1_000_000),
    fallbackText: 'no limit',
    roles: ['all', 'ingest'],
    meaning: 'Of each key, in each process, where `wayline admin` has set nothing else; more is answered 429.',
  },
  eventsPerSecond: {
    name: 'WAYLINE_EVENTS_PER_SECOND',
    type: integer(1, 100_000_000),
    fallbackText: 'no limit',
    roles: ['all', 'ingest'],
    meaning: 'Of each key, in each process, where `wayline admin` has set nothing else; more is answered 429.',
  },
  pastDays: {
    name: 'WAYLINE_PAST_DAYS',
    type: integer(1, 36_500),
    fallback: LIMITS.pastDays,
    roles: ['all', 'ingest', 'worker', 'query'],
    meaning:
      'How many days back the time of an event may lie, where `wayline admin` has set nothing else for the project.',
  },
  logLevel: {
    name: 'LOG_LEVEL',
    type: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    fallback: (role: Role) => (role === 'all' ? 'warn' : 'info'),
    fallbackText: '`warn` for `all`, else `info`',
    roles: ['all', 'ingest', 'worker', 'query', 'migrate'],
    meaning: 'How much is logged, as JSON lines on standard error.',
  },
  dataDir: {
    name: 'WAYLINE_DATA_DIR',
    type: path,
    fallback: '.wayline',
    roles: ['all', 'migrate', 'admin', 'verify', 'import', 'dead-letters', 'export'],
    meaning: 'The folder of the embedded log, the embedded PostgreSQL, `secrets.json` and `dev.json`.',
  },
  stateDir: {
    name: 'WAYLINE_STATE_DIR',
    type: path,
    fallbackText: 'no copy is kept; `all` has one in its data folder',
    roles: ['ingest', 'worker'],
    meaning:
      'A folder for a copy of the settings of projects and keys: what was revoked stays so where the log cannot tell. It may be lost.',
  },
  secretFile: {
    name: 'WAYLINE_SECRET_FILE',
    type: path,
    fallbackText: '`secrets.json` in the data folder, for `all` and `admin`',
    roles: ['all', 'ingest', 'worker', 'query', 'admin'],
    requiredBy: ['ingest', 'worker', 'query'],
    meaning:
      'A JSON file `{"secrets": ["…"]}` of base64url texts of 32 characters or more, which sign keys and tokens: the first signs, all verify. `wayline admin create-secret FILE` makes one.',
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    type: address('postgres', 'postgresql'),
    fallbackText: 'the embedded PostgreSQL, for `all`, `migrate`, `admin` and `verify`',
    roles: STORING,
    requiredBy: ['worker', 'query'],
    meaning: 'The PostgreSQL to store into and read from.',
  },
  databaseConnections: {
    name: 'WAYLINE_DATABASE_CONNECTIONS',
    type: integer(2, 1000),
    fallback: 10,
    roles: ['all', 'worker', 'query'],
    meaning: 'At most so many connections to PostgreSQL, of a worker and of a query each.',
  },
  kafkaBrokers: {
    name: 'KAFKA_BROKERS',
    type: brokers,
    fallbackText: 'the embedded log, for `all` and `verify`',
    roles: LOG,
    requiredBy: ['ingest', 'worker', 'query'],
    meaning: 'The Kafka that carries the log.',
  },
  kafkaClientId: {
    name: 'KAFKA_CLIENT_ID',
    type: text,
    fallback: 'wayline',
    roles: LOG,
    meaning: 'How this process names itself to Kafka.',
  },
  kafkaSsl: {
    name: 'KAFKA_SSL',
    type: flag,
    fallback: false,
    roles: LOG,
    meaning: 'Whether Kafka is spoken to over TLS.',
  },
  kafkaSslCaFile: {
    name: 'KAFKA_SSL_CA_FILE',
    type: path,
    fallbackText: 'the authorities that Node.js knows',
    roles: LOG,
    meaning: "A PEM file with the certificate authority of Kafka's certificates; needs KAFKA_SSL=true.",
  },
  kafkaSslCertFile: {
    name: 'KAFKA_SSL_CERT_FILE',
    type: path,
    fallbackText: 'no certificate is shown',
    roles: LOG,
    meaning: 'A PEM file with the certificate to show to Kafka; needs KAFKA_SSL=true and KAFKA_SSL_KEY_FILE.',
  },
  kafkaSslKeyFile: {
    name: 'KAFKA_SSL_KEY_FILE',
    type: path,
    roles: LOG,
    meaning: 'A PEM file with the key of that certificate, not encrypted.',
  },
  kafkaSaslMechanism: {
    name: 'KAFKA_SASL_MECHANISM',
    type: oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
    fallbackText: 'no sign-in',
    roles: LOG,
    meaning: 'How to sign in to Kafka; needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.',
  },
  kafkaSaslUsername: {
    name: 'KAFKA_SASL_USERNAME',
    type: text,
    roles: LOG,
    meaning: 'The user that signs in to Kafka.',
  },
  kafkaSaslPassword: {
    name: 'KAFKA_SASL_PASSWORD',
    type: text,
    roles: LOG,
    meaning: "That user's password.",
  },
  kafkaGeneration: {
    name: 'KAFKA_GENERATION',
    type: integer(1, 1_000_000),
    fallback: 1,
    roles: LOG,
    meaning: 'Part of the name under which positions are kept; raise it after the topics were made again.',
  },
  kafkaSessionSeconds: {
    name: 'KAFKA_SESSION_SECONDS',
    type: integer(6, 300),
    fallback: 30,
    roles: LOG,
    meaning: 'After so long without a sign of life the partitions of a worker go to the others.',
  },
  kafkaReplication: {
    name: 'KAFKA_REPLICATION',
    type: integer(1, 9),
    fallbackText: "the brokers' `default.replication.factor`",
    roles: LOG,
    meaning: 'Replicas of topics that Wayline creates.',
  },
  kafkaPartitions: {
    name: 'KAFKA_PARTITIONS',
    type: integer(1, 1000),
    fallback: 12,
    roles: LOG,
    meaning: 'Partitions of topics that Wayline creates; it bounds the number of workers, and is never changed later.',
  },
  longestOutageHours: {
    name: 'WAYLINE_LONGEST_OUTAGE_HOURS',
    type: integer(1, 8760),
    fallback: 72,
    roles: LOG,
    meaning:
      'For so long the database, or all workers, may be away without a loss: topics are made, and checked, to keep events for that time.',
  },
  logRetentionHours: {
    name: 'WAYLINE_LOG_RETENTION_HOURS',
    type: integer(1, 87_600),
    fallback: 72,
    roles: ['all'],
    meaning:
      'The embedded log removes what is older, once it is in PostgreSQL. A PostgreSQL back-up of within that time can be restored without a loss.',
  },
  logRetentionMegabytes: {
    name: 'WAYLINE_LOG_RETENTION_MB',
    type: integer(64, 1_000_000_000),
    fallbackText: 'the disk is the limit',
    roles: ['all'],
    meaning:
      'About how many MiB the embedded log may fill: beyond, it removes the oldest of what is in PostgreSQL, and where that is not enough events are answered 503.',
  },
  schemaRegistryUrl: {
    name: 'SCHEMA_REGISTRY_URL',
    type: address('http', 'https'),
    fallbackText: 'plain JSON',
    roles: REGISTRY,
    meaning:
      'A Confluent-compatible schema registry: the event is registered there, values of `wayline.events` are framed, and the schemas of `wayline.direct` are looked up. With Kafka only.',
  },
  schemaRegistryUsername: {
    name: 'SCHEMA_REGISTRY_USERNAME',
    type: text,
    fallbackText: 'no sign-in',
    roles: REGISTRY,
    meaning: 'The user, or API key, that signs in to the schema registry.',
  },
  schemaRegistryPassword: {
    name: 'SCHEMA_REGISTRY_PASSWORD',
    type: text,
    roles: REGISTRY,
    meaning: "That user's password, or the key's secret.",
  },
  group: {
    name: 'WAYLINE_GROUP',
    type: text,
    fallback: 'wayline',
    roles: ['all', 'worker', 'query', 'admin', 'verify'],
    meaning: 'The group of workers that share the partitions; positions are kept under it.',
  },
  batchRows: {
    name: 'WAYLINE_BATCH_ROWS',
    type: integer(1, 100_000),
    fallback: 7000,
    roles: ['all', 'worker'],
    meaning: 'At most so many events in one transaction.',
  },
  lingerMs: {
    name: 'WAYLINE_LINGER_MS',
    type: integer(0, 50),
    fallback: 10,
    roles: ['all', 'worker'],
    meaning: 'How long a transaction waits for more events, in ms since the log took its first.',
  },
  transactions: {
    name: 'WAYLINE_TRANSACTIONS',
    type: integer(1, 64),
    fallback: 4,
    roles: ['all', 'worker'],
    meaning: 'At most so many transactions of a worker at a time.',
  },
  rowsPerSecond: {
    name: 'WAYLINE_ROWS_PER_SECOND',
    type: integer(1, 10_000_000),
    fallbackText: 'as many as PostgreSQL takes',
    roles: ['all', 'worker'],
    meaning: 'At most so many events a second are stored by a worker; the rest waits in the log.',
  },
  adaptive: {
    name: 'WAYLINE_ADAPTIVE',
    type: flag,
    fallback: true,
    roles: ['all', 'worker'],
    meaning: 'Whether a worker gives way by itself while others ask PostgreSQL, or while it is slow for them.',
  },
  maxRejected: {
    name: 'WAYLINE_MAX_REJECTED',
    type: integer(0, 1_000_000),
    fallback: 100,
    roles: ['all', 'worker'],
    meaning:
      'So many events of a partition that PostgreSQL refuses in a run become dead letters; then the partition stops with an alarm. An event that it takes forgives a hundredth of one.',
  },
  retentionDays: {
    name: 'WAYLINE_RETENTION_DAYS',
    type: integer(1, 36_500),
    fallbackText: 'for ever',
    roles: ['all', 'worker', 'query', 'admin'],
    meaning:
      'For so many days events are kept, where `wayline admin` has set nothing else for the project; then they are deleted.',
  },
  metricsRetentionDays: {
    name: 'WAYLINE_METRICS_RETENTION_DAYS',
    type: integer(1, 36_500),
    fallbackText: 'for ever',
    roles: ['all', 'worker', 'admin'],
    meaning:
      'For so many days the history of `/v1/metrics/history` is kept: a row a minute and project, about 60 MB a year.',
  },
  maintenanceSeconds: {
    name: 'WAYLINE_MAINTENANCE_SECONDS',
    type: integer(1, 86_400),
    fallback: 60,
    roles: ['all', 'worker'],
    meaning: 'How often one of the workers makes partitions for the days to come, and deletes what is expired.',
  },
  shutdownSeconds: {
    name: 'WAYLINE_SHUTDOWN_SECONDS',
    type: integer(1, 600),
    fallback: 25,
    roles: SERVING,
    meaning: 'How long what is in hand may take to finish after SIGTERM or SIGINT.',
  },
  url: {
    name: 'WAYLINE_URL',
    type: address('http', 'https'),
    fallbackText: 'from `dev.json`',
    roles: ['import', 'dead-letters', 'export'],
    meaning: 'The running Wayline to talk to.',
  },
  key: {
    name: 'WAYLINE_KEY',
    type: text,
    fallbackText: 'from `dev.json`',
    roles: ['import'],
    meaning: 'The write key to send with.',
  },
  token: {
    name: 'WAYLINE_TOKEN',
    type: text,
    fallbackText: 'from `dev.json`',
    roles: ['import', 'dead-letters', 'export'],
    meaning: 'The access token to send or read with, in place of a key.',
  },
} as const satisfies Record<string, Variable>;
