import { openCopies } from '@wayline/testkit';
import { atNextCopy, loseNextCommit, silence } from '../scene/database-network.ts';
import type { Scene } from '../scene/scene.ts';
import type { FaultKind } from './fault-kind.ts';

/** So long a COPY or a COMMIT of the chosen worker is waited for. */
const MOMENT_MS = 20_000;

/** That PostgreSQL waits inside a COPY, of which the worker has sent nothing, is seen by PostgreSQL too. */
async function noteUnlessCopying({ database, note }: Scene): Promise<void> {
  const copies = await openCopies(database.url).catch(() => 0);
  if (copies === 0) note('a worker stopped in the middle of a COPY, but pg_stat_activity shows none');
}

export const workerFaults: readonly FaultKind[] = [
  {
    name: 'worker killed',
    area: 'worker',
    holdSeconds: [0, 6],
    async inject({ workers }, dice) {
      const { process } = dice.pick(workers);
      await process.kill();
      return async () => process.start();
    },
  },
  {
    name: 'all workers killed',
    area: 'worker',
    holdSeconds: [0, 4],
    async inject({ workers }) {
      await Promise.all(workers.map(({ process }) => process.kill()));
      return async () => workers.forEach(({ process }) => void process.start());
    },
  },
  {
    name: 'worker ended with SIGTERM',
    area: 'worker',
    holdSeconds: [0, 4],
    async inject({ workers, note }, dice) {
      const { process } = dice.pick(workers);
      const exit = await process.terminate();
      if (exit && exit.code !== 0) note(`${process.name} ended with ${exit.signal ?? exit.code} after SIGTERM`);
      return async () => process.start();
    },
  },
  {
    // Longer than the group's session at times: others have taken its partitions when it wakes.
    name: 'worker stands still',
    area: 'worker',
    holdSeconds: [2, 12],
    async inject({ workers }, dice) {
      const { process } = dice.pick(workers);
      process.pause();
      return async () => process.resume();
    },
  },
  {
    name: 'worker stands still in a COPY',
    area: 'worker',
    waits: true,
    cards: 2,
    holdSeconds: [1, 12],
    async inject(scene, dice) {
      const { process, proxy } = dice.pick(scene.workers);
      if (!(await atNextCopy(proxy, MOMENT_MS, () => process.pause()))) return undefined;
      await noteUnlessCopying(scene);
      return async () => process.resume();
    },
  },
  {
    name: 'worker killed in a COPY',
    area: 'worker',
    waits: true,
    cards: 2,
    holdSeconds: [0, 3],
    async inject(scene, dice) {
      const { process, proxy } = dice.pick(scene.workers);
      if (!(await atNextCopy(proxy, MOMENT_MS, () => process.pause()))) return undefined;
      await noteUnlessCopying(scene);
      await process.kill();
      return async () => process.start();
    },
  },
  {
    name: 'answer to COMMIT lost',
    area: 'worker',
    waits: true,
    cards: 2,
    holdSeconds: [0, 1],
    async inject({ workers }, dice) {
      return (await loseNextCommit(dice.pick(workers).proxy, MOMENT_MS)) ? async () => {} : undefined;
    },
  },
  {
    name: 'worker cut off from PostgreSQL',
    area: 'worker',
    holdSeconds: [1, 10],
    async inject({ workers }, dice) {
      const { proxy } = dice.pick(workers);
      proxy.cutAll();
      return async () => proxy.resume();
    },
  },
  {
    name: 'PostgreSQL silent to a worker',
    area: 'worker',
    holdSeconds: [2, 10],
    async inject({ workers }, dice) {
      const { proxy } = dice.pick(workers);
      silence(proxy);
      return async () => {
        proxy.watch({});
        proxy.cutAll(); // as a middlebox that forgot the connections, and says so at last
        proxy.resume();
      };
    },
  },
  {
    name: 'PostgreSQL slow for a worker',
    area: 'worker',
    holdSeconds: [2, 6],
    async inject({ workers }, dice) {
      const { proxy } = dice.pick(workers);
      proxy.slow(dice.between(20, 400));
      return async () => proxy.slow(0);
    },
  },
  {
    name: 'worker cut off from Kafka',
    area: 'worker',
    holdSeconds: [1, 12],
    async inject({ workers, network }, dice) {
      const { clientId } = dice.pick(workers);
      network.cutOff(clientId);
      return async () => network.restore(clientId);
    },
  },
  {
    name: 'worker added and removed',
    area: 'worker',
    holdSeconds: [3, 7],
    async inject({ spareWorker: { process } }, dice) {
      process.start();
      return async () => {
        if (dice.happens(0.5)) await process.terminate();
        else await process.kill();
      };
    },
  },
];
