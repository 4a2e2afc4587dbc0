import { createServer } from 'node:net';

/**
 * Free ports below the range from which systems take those of outgoing connections (from 32768 on Linux): a client that
 * keeps connecting to a dead broker's port inside it would one day take that port, and talk to itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) ports.add(port);
  }
  return [...ports];
}

/** One such port. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}
