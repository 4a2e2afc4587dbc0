import type { Sender, Slot } from './sender.ts';

/** A load that goes on until it is stopped; then what is in flight may still be answered. */
export interface Loop {
  stop(): void;
}

const RECONNECT_MS = 100;

export interface ClosedLoopOptions {
  connections: number;
  /** Requests under way on each of them; more than one only where a door can tell their answers apart. Default 1. */
  inFlight?: number;
}

/**
 * So many connections, each of which sends its next request when one was answered: as fast as the server goes. A
 * connection that is told to come later does so.
 */
export function startClosedLoop(sender: Sender, { connections, inFlight = 1 }: ClosedLoopOptions): Loop {
  let stopped = false;

  const send = (slot: Slot) => {
    if (!stopped && !slot.gone) sender.send(slot, performance.now());
  };
  const open = () => {
    if (stopped) return;
    const onIdle = (slot: Slot, pauseMs: number) => {
      if (pauseMs > 0) setTimeout(send, pauseMs, slot).unref();
      else send(slot);
    };
    send(sender.open({ onIdle, onGone: () => setTimeout(open, RECONNECT_MS) }));
  };

  for (let i = 0; i < connections * inFlight; i++) open();
  return {
    stop() {
      stopped = true;
    },
  };
}
