import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaAvailability } from './kafka-availability.ts';
import { startKafka } from './kafka-cluster.ts';
import { withFolderLock } from './kafka-lock.ts';

/** Jest's main process, from one of its workers (they are joined to it by a channel) as from itself. */
const runPid = (): number => (process.connected ? process.ppid : process.pid);

/** True if something listens there: a file of a dead run, whose pid came round again, names brokers that are gone. */
function listens(broker: string): Promise<boolean> {
  const [host, port] = broker.split(':') as [string, string];
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/**
 * The brokers that all test files of a run share: those of WAYLINE_TEST_KAFKA, else one that is started by the first who
 * asks and goes with the run. Tests keep apart by random names of topics and groups, and leave the broker alone.
 */
export async function sharedKafka(): Promise<{ brokers: string[] }> {
  const found = await kafkaAvailability();
  if (found.via === 'nothing') throw new Error(`No Kafka can be had: ${found.reason}`);
  if (found.via === 'address') return { brokers: found.brokers };
  const owner = runPid();
  // Swept like a cluster's folder, should nobody else remove it.
  const folder = join(tmpdir(), `wayline-kafka-${owner}-shared`);
  const file = join(folder, 'brokers.json');
  await mkdir(folder, { recursive: true });
  return withFolderLock(join(folder, 'lock'), 120_000, async () => {
    const known = await readFile(file, 'utf8').catch(() => undefined);
    if (known !== undefined) {
      const { brokers } = JSON.parse(known) as { brokers: string[] };
      if (await listens(brokers[0] as string)) return { brokers };
    }
    const { brokers } = await startKafka({ ownerPid: owner });
    await writeFile(`${file}.new`, JSON.stringify({ brokers }));
    await rename(`${file}.new`, file);
    return { brokers: [...brokers] };
  });
}
