import type { PoolClient } from 'pg';
import { setPipeline } from '../pipeline-mode.ts';
import type { Asker } from '../planned-once.ts';

/** Takes statements whose answers nobody reads. */
export interface Sender {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/**
 * Sends statements of a transaction in the order given, each without waiting for the answer to those before it. Only for
 * statements that do nothing outside of the transaction: after one has failed PostgreSQL refuses the others, and who asks
 * gets the fault of the first. Must not hold COMMIT.
 * @param asker asks on that connection
 * @param work waits for nothing but what the sender returns, which is at once
 * @throws the first fault, when all are answered
 */
export async function sendTogether(
  client: PoolClient,
  asker: Asker,
  work: (sender: Sender) => Promise<void>,
): Promise<void> {
  const sent: Promise<unknown>[] = [];
  const query = async (text: string, values: unknown[]): Promise<unknown> => {
    const answer = asker.query(text, values);
    answer.catch(() => undefined); // told below
    sent.push(answer);
    return undefined;
  };
  setPipeline(client, true);
  try {
    await work({ query });
  } finally {
    await Promise.allSettled(sent);
    setPipeline(client, false);
  }
  await Promise.all(sent);
}

/**
 * Two questions within a transaction, the second sent without waiting for the answer to the first. As above, they must do nothing
 * outside of it.
 * @param ask sends both before it returns
 * @throws the first fault, when both are answered
 */
export async function askTogether<First, Second>(
  client: PoolClient,
  ask: () => [Promise<First>, Promise<Second>],
): Promise<[First, Second]> {
  setPipeline(client, true);
  let asked: [Promise<First>, Promise<Second>];
  try {
    asked = ask();
    await Promise.allSettled(asked);
  } finally {
    setPipeline(client, false);
  }
  return Promise.all(asked);
}
