import type { ConnectionOptions } from 'node:tls';
import type { SASLOptions } from 'kafkajs';
import type { LogLogger, TopicSpec } from '../event-log.ts';

export interface KafkaLogOptions {
  /** host:port of one or more brokers; the others are learnt from them. */
  brokers: readonly string[];
  /** Default `wayline`. */
  clientId?: string;
  /** All topics that are written or read. Made where they are absent, else checked. */
  topics: readonly TopicSpec[];
  ssl?: boolean | ConnectionOptions;
  sasl?: SASLOptions;
  /** Replicas of the topics that are made. Default: the broker's `default.replication.factor`. */
  replication?: number;
  /**
   * The topics are made, and checked, to keep records for so long that their readers may be away, ms: the longest outage
   * of the database that is to lose nothing. Default 72 hours.
   */
  longestOutageMs?: number;
  /** Part of the log's id: raised by an operator after topics were made again on the same cluster. Default 1. */
  generation?: number;
  /** Default 64 MiB. */
  maxBytesInFlight?: number;
  /** For so long an append is tried before it is rejected, ms. Default 10,000. */
  appendDeadlineMs?: number;
  /** A consumer that is silent for so long loses its partitions, ms. Default 30,000. */
  sessionTimeoutMs?: number;
  /** A consumer that does not join anew for so long when the group changes loses its partitions, ms. Default 30,000. */
  rebalanceTimeoutMs?: number;
  /** Default: nothing is told. */
  logger?: LogLogger;
}

/** How a client of the cluster is made; the same for appending, asking and consuming. */
export interface ConnectionSettings {
  brokers: readonly string[];
  clientId: string;
  ssl: boolean | ConnectionOptions;
  sasl: SASLOptions | undefined;
  logger: LogLogger;
}

/** A connection is given up when it takes longer; also over TLS, and to another region. */
export const CONNECTION_TIMEOUT_MS = 3000;
export const AUTHENTICATION_TIMEOUT_MS = 5000;

/** For those who do not ask to be told. */
export const silentLogger: LogLogger = { info() {}, warn() {}, error() {} };
