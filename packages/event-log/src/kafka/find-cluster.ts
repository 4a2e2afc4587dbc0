import { setTimeout as sleep } from 'node:timers/promises';
import { LogSetupError } from '../event-log.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import { reasonOf, within } from './within.ts';

/** A broker that does not answer within this time at start is told to the operator. */
export const SETUP_PATIENCE_MS = 10_000;

/**
 * Waits until one of the brokers answers.
 * @throws LogSetupError naming the addresses, if none of them does in time, or at once if waiting cannot help
 */
export async function findCluster(directory: BrokerDirectory, brokers: readonly string[]): Promise<void> {
  let reason = `no answer within ${SETUP_PATIENCE_MS} ms`;
  let given = false;
  const ask = async () => {
    while (!given) {
      try {
        await directory.refresh();
        return;
      } catch (error) {
        if (error instanceof LogSetupError) throw error;
        reason = reasonOf(error);
        await sleep(250);
      }
    }
  };
  try {
    await within(ask(), SETUP_PATIENCE_MS, reason);
  } catch (error) {
    given = true;
    if (error instanceof LogSetupError) throw error;
    throw new LogSetupError(`No Kafka broker can be used at ${brokers.join(', ')} (${reason}).`);
  }
}
