import type { PoolClient } from 'pg';

/**
 * Whether a connection sends statements without waiting for those before them: pg reads it with each. Who ends a connection
 * that does waits for all that was sent on it.
 */
export function setPipeline(client: PoolClient, isOn: boolean): void {
  (client as { pipeline: boolean }).pipeline = isOn;
}
