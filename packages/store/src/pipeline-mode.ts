import type { Duplex } from 'node:stream';
import type { PoolClient } from 'pg';

/**
 * Whether a connection sends statements without waiting for those before them: pg reads it with each. Who ends a connection
 * that does waits for all that was sent on it.
 */
export function setPipeline(client: PoolClient, isOn: boolean): void {
  (client as { pipeline: boolean }).pipeline = isOn;
}

/** What is sent on a connection in this turn of the event loop goes out at its end, all at once: else each statement is a write of its own. */
export function sendAtEndOfTurn(client: PoolClient): void {
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}
