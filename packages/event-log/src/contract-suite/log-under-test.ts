import { randomUUID } from 'node:crypto';
import type { EventLog, TopicSpec } from '../event-log.ts';

/** What the suite asks an adapter to open. The topics are new, with names that no other test has. */
export interface OpenOptions {
  topics: readonly TopicSpec[];
  /** Absent: the adapter's default. */
  maxBytesInFlight?: number;
}

export interface LogUnderTest {
  log: EventLog;
  /** Opens the same log again, after `log` was closed; with the same topics. */
  reopen(): Promise<EventLog>;
  /** Opens another log: another folder, another cluster, or another generation on the same cluster. */
  openOther(): Promise<EventLog>;
  /** Removes what the test made, once the logs are closed. */
  dispose(): Promise<void>;
}

export interface ContractOptions {
  open(options: OpenOptions): Promise<LogUnderTest>;
  /** How long a handler works to show that it keeps its partition, ms: above the group's session timeout. Default 1500. */
  slowHandlerMs?: number;
  /**
   * Promises that the adapter does not keep: the test's name, and why. Such a test must fail; once it passes, the gap is
   * no more, and the suite says so.
   */
  gaps?: Readonly<Record<string, string>>;
}

/** What a test of the suite is handed. */
export interface TestLog {
  log: EventLog;
  /** The test's topics; most need one only. */
  topic: string;
  topics: readonly string[];
  /** Closes the log and opens it again; the test's `log` is then the new one. */
  reopen(): Promise<EventLog>;
  openOther(): Promise<EventLog>;
  /** A signal for the test's handlers; opened when the test ends, so that a test that fails does not hang. */
  createGate(): Gate;
  slowHandlerMs: number;
}

export interface Gate {
  opened: Promise<void>;
  open(): void;
}

function createGate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export interface TestLogOptions {
  /** Number of topics. Default 1. */
  topics?: number;
  /** Of each topic. Default 1. */
  partitions?: number;
  compacted?: boolean;
  maxBytesInFlight?: number;
}

/** Adds a test of the suite: its name, the log it needs, and what it does. */
export type DefineTest = (name: string, options: TestLogOptions, work: (test: TestLog) => Promise<void>) => void;

/** Runs the work on a log of its own, and closes all that was opened, also when the work fails. */
export async function withLog(
  contract: ContractOptions,
  { topics: count = 1, partitions = 1, compacted, maxBytesInFlight }: TestLogOptions,
  work: (test: TestLog) => Promise<void>,
): Promise<void> {
  const topics = Array.from({ length: count }, () => `contract.${randomUUID()}`);
  const opened = await contract.open({
    topics: topics.map((name) => ({ name, partitions, compacted })),
    maxBytesInFlight,
  });
  const logs = [opened.log];
  const gates: Gate[] = [];
  const test: TestLog = {
    log: opened.log,
    topic: topics[0] as string,
    topics,
    createGate() {
      const gate = createGate();
      gates.push(gate);
      return gate;
    },
    slowHandlerMs: contract.slowHandlerMs ?? 1500,
    async reopen() {
      await test.log.close();
      test.log = await opened.reopen();
      logs.push(test.log);
      return test.log;
    },
    async openOther() {
      const other = await opened.openOther();
      logs.push(other);
      return other;
    },
  };
  try {
    await work(test);
  } finally {
    for (const gate of gates) gate.open();
    for (const log of logs) await log.close(); // closing twice is part of the contract
    await opened.dispose();
  }
}
