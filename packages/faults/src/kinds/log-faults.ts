import { TOPICS } from '@wayline/contracts';
import { allInSync, deleteTopics, logEnds } from '../scene/kafka-admin.ts';
import type { Scene } from '../scene/scene.ts';
import type { FaultKind } from './fault-kind.ts';

const EVENT_TOPICS = [TOPICS.events, TOPICS.direct];

/** A broker, once all replicas are in sync: with one away, two of three have all that is acknowledged. */
async function chooseBroker({ kafka }: Scene, below: (n: number) => number): Promise<number> {
  await allInSync(kafka.brokers);
  return below(kafka.brokers.length);
}

export const logFaults: readonly FaultKind[] = [
  {
    name: 'broker killed',
    area: 'log',
    holdSeconds: [0, 6],
    async inject(scene, dice) {
      const broker = await chooseBroker(scene, dice.below);
      await scene.kafka.kill(broker);
      return () => scene.kafka.restart(broker);
    },
  },
  {
    name: 'broker shut down, its leaders moved',
    area: 'log',
    holdSeconds: [0, 4],
    async inject(scene, dice) {
      const broker = await chooseBroker(scene, dice.below);
      await scene.kafka.stop(broker);
      return () => scene.kafka.restart(broker);
    },
  },
  {
    // Longer than the brokers' session at times: others lead its partitions when it wakes.
    name: 'broker stands still',
    area: 'log',
    holdSeconds: [1, 8],
    async inject(scene, dice) {
      const broker = await chooseBroker(scene, dice.below);
      await scene.kafka.pause(broker);
      return () => scene.kafka.resume(broker);
    },
  },
  {
    name: 'broker cut off from its clients',
    area: 'log',
    holdSeconds: [1, 8],
    async inject({ kafka }, dice) {
      const proxy = dice.pick(kafka.proxies);
      proxy.cutAll();
      return async () => proxy.resume();
    },
  },
  {
    name: 'brokers slow',
    area: 'log',
    holdSeconds: [2, 6],
    async inject({ kafka }, dice) {
      const slow = kafka.proxies.filter(() => dice.happens(0.6));
      for (const proxy of slow) proxy.slow(dice.between(20, 300));
      return async () => slow.forEach((proxy) => void proxy.slow(0));
    },
  },
  {
    // As docs/operating.md says. Nothing may be unread then: what only the lost log holds is gone.
    name: 'topics made again',
    area: 'log',
    alone: true,
    holdSeconds: [0, 1],
    async inject(scene) {
      const { kafka, ingest, query, workers, traffic, log, formerLogs, copies } = scene;
      await traffic.direct.hold();
      await ingest.terminate();
      await scene.nothingPending();
      const readers = [query, ...workers.map(({ process }) => process)];
      await Promise.all(readers.map((reader) => reader.terminate()));
      formerLogs.set(await scene.logId(), await logEnds(kafka.brokers, EVENT_TOPICS));
      copies.length = 0; // the log does not reach back to them any more
      await deleteTopics(kafka.brokers, EVENT_TOPICS);
      log.generation++;
      return async () => {
        for (const role of [ingest, ...readers]) role.start();
        await ingest.ready(); // the topics are there
        traffic.direct.goOn();
      };
    },
  },
];
