import type { KafkaCluster, TcpProxy } from '@wayline/testkit';
import type { Database } from './database.ts';
import type { KafkaNetwork } from './kafka-network.ts';
import type { RoleProcess } from './role-process.ts';
import type { Traffic } from './traffic.ts';

/** A worker, with its own ways to PostgreSQL and to Kafka. */
export interface SceneWorker {
  process: RoleProcess;
  /** Its way to PostgreSQL. */
  proxy: TcpProxy;
  clientId: string;
}

/** The system as it is deployed, with its clients, and what can be done to it. */
export interface Scene {
  kafka: KafkaCluster;
  network: KafkaNetwork;
  database: Database;
  ingest: RoleProcess;
  query: RoleProcess;
  /** Those that are meant to run. */
  workers: readonly SceneWorker[];
  /** One more, which does not run. */
  spareWorker: SceneWorker;
  traffic: Traffic;
  /** `KAFKA_GENERATION` of all roles, at their next start. */
  readonly log: { generation: number };
  /** Where the partitions of a log ended that is not read any more, by its id and `topic/partition`. */
  readonly formerLogs: Map<string, ReadonlyMap<string, number>>;
  /** Copies of PostgreSQL's data folder whose positions the log still reaches. */
  readonly copies: string[];
  /** Resolves when the ledger says that nothing of the log is unread. */
  nothingPending(): Promise<void>;
  /** The id of the log that is in use. */
  logId(): Promise<string>;
  /** Something that is worth to be said, and wrong with nothing. */
  note(sentence: string): void;
}

/** The client id of ingest at Kafka. */
export const INGEST_CLIENT = 'ingest';
