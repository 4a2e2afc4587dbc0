import type { EventLog, PartitionRange } from '@wayline/event-log';

/** A running server that takes `POST /v1/events`, and what is needed to load it and to look at what it kept. */
export interface ServerUnderTest {
  port: number;
  pid: number;
  writeKey: string;
  /** The broker that it writes to. */
  brokerPid?: number;
  /** Undefined for a server that keeps nothing. */
  kept?: KeptEvents;
  stop(): Promise<void>;
}

export interface KeptEvents {
  topic: string;
  /** Where the topic ends now: asked before a load, so that only what came of the load is read. */
  ends(): Promise<readonly PartitionRange[]>;
  /** Opens the log, and closes it after the work. The embedded log is its server's alone, which therefore ends first. */
  read<T>(work: (log: EventLog) => Promise<T>): Promise<T>;
  /** The server does not survive being read: it is started anew for each load. */
  once: boolean;
}

/** A kind of server, and how one is started. */
export interface Target {
  name: string;
  start(): Promise<ServerUnderTest>;
}
