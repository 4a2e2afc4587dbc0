import type { Scene } from '../scene/scene.ts';
import type { FaultKind } from './fault-kind.ts';

const KEPT_COPIES = 2;

/** Copies the data folder of a stopped server, in place of the oldest copy. */
async function keepCopy({ database, copies }: Scene): Promise<void> {
  const name = copies.length < KEPT_COPIES ? `copy-${copies.length}` : (copies.shift() as string);
  await database.keepCopy(name);
  copies.push(name);
}

export const databaseFaults: readonly FaultKind[] = [
  {
    name: 'PostgreSQL stopped at once',
    area: 'database',
    cards: 2,
    holdSeconds: [0, 5],
    async inject(scene, dice) {
      await scene.database.stopImmediately();
      if (dice.happens(0.5)) await keepCopy(scene);
      return () => scene.database.start();
    },
  },
  {
    name: 'PostgreSQL killed',
    area: 'database',
    holdSeconds: [0, 5],
    async inject({ database }) {
      await database.kill();
      return () => database.start();
    },
  },
  {
    name: 'disk of PostgreSQL full',
    area: 'database',
    holdSeconds: [3, 8],
    possible: ({ database }) => database.disk !== undefined,
    async inject({ database }) {
      await database.disk?.fill();
      return async () => {
        await database.disk?.release();
        await database.start(); // it ends where it cannot write its log
      };
    },
  },
  {
    // As docs/operating.md says: the workers are stopped, in whatever way, and go on from the restored positions.
    name: 'an older PostgreSQL restored',
    area: 'database',
    alone: true,
    holdSeconds: [0, 3],
    async inject(scene, dice) {
      const { database, workers, copies } = scene;
      if (copies.length === 0) {
        await database.stopImmediately();
        await keepCopy(scene);
        await database.start();
        await new Promise((resolve) => setTimeout(resolve, dice.between(2000, 5000))); // what is stored now is read again
      }
      const killed = dice.happens(0.5);
      await Promise.all(workers.map(({ process }) => (killed ? process.kill() : process.terminate())));
      await database.stopImmediately();
      await database.restoreCopy(dice.pick(copies));
      return async () => {
        await database.start();
        for (const { process } of workers) process.start();
      };
    },
  },
];
