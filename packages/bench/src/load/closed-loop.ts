import type { Sender, Slot } from './sender.ts';

/** A load that goes on until it is stopped; then what is in flight is still answered. */
export interface Loop {
  stop(): void;
}

const RECONNECT_MS = 100;

export interface ClosedLoopOptions {
  connections: number;
  /** Requests under way on each of them; more than one only where a door can tell their answers apart. Default 1. */
  inFlight?: number;
}

export interface ClosedLoop extends Loop {
  /** Goes on over the same connections, after it was stopped. */
  resume(): void;
}

/**
 * So many connections, each of which sends its next request when one was answered: as fast as the server goes. A
 * connection that is told to come later does so.
 */
export function startClosedLoop(sender: Sender, { connections, inFlight = 1 }: ClosedLoopOptions): ClosedLoop {
  const idle = new Set<Slot>();
  let unopened = 0;
  let stopped = false;

  const send = (slot: Slot) => {
    if (slot.gone) return;
    if (stopped) idle.add(slot);
    else sender.send(slot, performance.now());
  };
  const onIdle = (slot: Slot, pauseMs: number) => {
    if (pauseMs > 0) setTimeout(send, pauseMs, slot).unref();
    else send(slot);
  };
  const onGone = (slot: Slot) => {
    idle.delete(slot);
    setTimeout(open, RECONNECT_MS);
  };
  const open = () => {
    if (stopped) unopened++;
    else send(sender.open({ onIdle, onGone }));
  };
  const openAll = (count: number) => {
    for (let i = 0; i < count; i++) open();
  };

  openAll(connections * inFlight);
  return {
    stop() {
      stopped = true;
    },
    resume() {
      stopped = false;
      const [waiting, missing] = [[...idle], unopened];
      idle.clear();
      unopened = 0;
      for (const slot of waiting) send(slot);
      openAll(missing);
    },
  };
}
