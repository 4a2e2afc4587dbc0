import { INGEST_CLIENT } from '../scene/scene.ts';
import type { FaultKind } from './fault-kind.ts';

export const ingestFaults: readonly FaultKind[] = [
  {
    name: 'ingest killed',
    area: 'ingest',
    holdSeconds: [0, 3],
    async inject({ ingest }) {
      await ingest.kill();
      return async () => ingest.start();
    },
  },
  {
    name: 'ingest ended with SIGTERM',
    area: 'ingest',
    holdSeconds: [0, 2],
    async inject({ ingest, note }) {
      const exit = await ingest.terminate();
      if (exit && exit.code !== 0) note(`ingest ended with ${exit.signal ?? exit.code} after SIGTERM`);
      return async () => ingest.start();
    },
  },
  {
    name: 'ingest stands still',
    area: 'ingest',
    holdSeconds: [1, 8],
    async inject({ ingest }) {
      ingest.pause();
      return async () => ingest.resume();
    },
  },
  {
    name: 'ingest cut off from Kafka',
    area: 'ingest',
    holdSeconds: [1, 8],
    async inject({ network }) {
      network.cutOff(INGEST_CLIENT);
      return async () => network.restore(INGEST_CLIENT);
    },
  },
  {
    name: "answers to ingest's appends lost",
    area: 'ingest',
    waits: true,
    cards: 2,
    holdSeconds: [2, 5],
    async inject({ network }, dice) {
      // The broker has appended by then. A connection that is cut is tried again at once, a silent one after seconds.
      // Now and then, so that between two of them something is acknowledged that must not be taken for what was lost.
      const silentShare = dice.pick([0, 0.3]);
      let calmUntil = 0;
      network.loseAnswers(INGEST_CLIENT, () => {
        if (performance.now() < calmUntil) return undefined;
        calmUntil = performance.now() + dice.between(100, 800);
        return dice.happens(silentShare) ? 'silent' : 'cut';
      });
      return async () => network.restore(INGEST_CLIENT);
    },
  },
];

export const clientFaults: readonly FaultKind[] = [
  {
    name: 'every batch sent twice',
    area: 'client',
    holdSeconds: [2, 5],
    async inject({ traffic }) {
      traffic.sendTwice(true);
      return async () => traffic.sendTwice(false);
    },
  },
];
