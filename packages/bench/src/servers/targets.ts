import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { startWayline, type TestProcess } from '@wayline/testkit';
import { startChild } from '../children/child-process.ts';
import { processListening } from '../measure/process-listening.ts';
import { type Access, READY } from './access.ts';
import { openLog } from './log-address.ts';
import type { KeptEvents, Target } from './server-under-test.ts';

/** Where the obvious design writes. */
const OBVIOUS_TOPIC = 'bench.obvious';
const NO_KEY = 'none';

export const bareTarget: Target = {
  name: 'bare Node http',
  async start() {
    const child = await startChild('bare', {});
    return { port: child.answer.port, pid: child.pid, writeKey: NO_KEY, stop: child.stop };
  },
};

/** The Kafka of servers under load. */
export interface LoadedKafka {
  brokers: readonly string[];
  /** Called when nothing is reading or writing the topic any more. A broker that was not started for this keeps what it has. */
  empty(topic: string): Promise<void>;
}

export function obviousTarget({ brokers, empty }: LoadedKafka): Target {
  return {
    name: 'obvious design',
    async start() {
      const log = await openLog({ brokers, topic: OBVIOUS_TOPIC });
      const child = await startChild('obvious', { brokers, topic: OBVIOUS_TOPIC });
      return {
        port: child.answer.port,
        pid: child.pid,
        writeKey: NO_KEY,
        brokerPid: brokerPid(brokers),
        kept: keptInKafka(log, OBVIOUS_TOPIC),
        async stop() {
          await child.stop();
          await log.close();
          await empty(OBVIOUS_TOPIC);
        },
      };
    },
  };
}

/** The role `ingest`, as it is deployed. */
export function waylineOnKafka(access: Access, { brokers, empty }: LoadedKafka): Target {
  return {
    name: 'kafka',
    async start() {
      const env = { ...access.env, KAFKA_BROKERS: brokers.join(','), PORT: '0', LOG_LEVEL: 'info' };
      const wayline = startWayline(['ingest'], { env });
      const [, url] = await wayline.waitForLine(/"url":"([^"]+)".*ingest is ready/, 60_000);
      const log = await openLog({ brokers, topic: TOPICS.events });
      return {
        ...addressOf(wayline, url as string, access),
        brokerPid: brokerPid(brokers),
        kept: keptInKafka(log, TOPICS.events),
        async stop() {
          await wayline.end();
          await log.close();
          await empty(TOPICS.events);
        },
      };
    },
  };
}

/**
 * `wayline all` on its embedded log. Its database is away while it is loaded, so that what is measured is ingest and the
 * log, and not the worker beside it, in the same process; what is acknowledged then waits in the log.
 */
export function waylineEmbedded(access: Access): Target {
  return {
    name: 'embedded',
    async start() {
      const folder = await mkdtemp(join(access.folder, 'all-'));
      access.database.resume();
      const wayline = startWayline(['all'], {
        env: {
          ...access.env,
          DATABASE_URL: access.database.url,
          WAYLINE_DATA_DIR: folder,
          PORT: '0',
          LOG_LEVEL: 'fatal',
        },
      });
      const [, url] = await wayline.waitForLine(READY, 60_000);
      access.database.cut();
      const kept: KeptEvents = {
        topic: TOPICS.events,
        once: true,
        ends: async () => [],
        async read(work) {
          await wayline.end();
          const log = await openLog({ folder: join(folder, 'log'), topic: TOPICS.events });
          return work(log).finally(() => log.close());
        },
      };
      return {
        ...addressOf(wayline, url as string, access),
        kept,
        async stop() {
          await wayline.end();
          await rm(folder, { recursive: true, force: true });
        },
      };
    },
  };
}

function addressOf(wayline: TestProcess, url: string, { writeKey }: Access) {
  return { port: Number(new URL(url).port), pid: wayline.pid, writeKey };
}

function keptInKafka(log: EventLog, topic: string): KeptEvents {
  return { topic, once: false, ends: () => log.ranges(topic), read: (work) => work(log) };
}

/** Where the first broker is a process of this machine. */
function brokerPid([first]: readonly string[]): number | undefined {
  return processListening(Number(first?.split(':').at(-1)));
}
