import type { Pace } from '../benches/bench-options.ts';
import type { ServerUnderTest, Target } from '../servers/server-under-test.ts';
import { type Load, loadServer, type Measurement } from './load-server.ts';

/** Starts a server, loads it as often as the pace says, and ends it; a new one each time where it must be. */
export async function loadTarget(
  target: Target,
  load: Pick<Load, 'eventsPerRequest' | 'door' | 'shape' | 'yields'>,
  { runs, ...times }: Pace,
): Promise<Measurement[]> {
  const measured: Measurement[] = [];
  let server: ServerUnderTest | undefined;
  try {
    while (measured.length < runs) {
      server ??= await target.start();
      measured.push(await loadServer(server, { ...load, ...times }));
      if (!server.kept?.once) continue;
      await server.stop();
      server = undefined;
    }
  } finally {
    await server?.stop();
  }
  return measured;
}
