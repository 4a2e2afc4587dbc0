import type { ServerResponse } from 'node:http';
import { type Problem, problem } from '@wayline/contracts';
import { byeFrame } from './tail-frames.ts';
import type { TailLimits } from './tail-limits.ts';

/** A reader at the other end of an answer that goes on. */
export interface TailConnection {
  readonly isOpen: boolean;
  /** When so many wait for the reader, it gets no more. */
  readonly maxBufferedBytes: number;
  /** Sends; a reader for whom too much waits is cut off. */
  write(bytes: Buffer): void;
  /** Resolves when all was taken, or the reader is gone or cut off. */
  drained(): Promise<void>;
  /** Called again and again, for a sign of life. */
  everyBeat(beat: () => void): void;
  /** Ends the answer, for it takes too little of it. */
  cutOff(): void;
  /** Says why, and ends the answer; whoever does not take that is cut off after so long, ms. */
  end(reason: Problem, patienceMs?: number): void;
  /** There is to be another answer; nothing was sent. */
  abandon(): void;
}

export interface TailConnectionOptions {
  response: ServerResponse;
  limits: TailLimits;
  /** It was ended, by either side. */
  onClose(): void;
}

/** A proxy must neither keep the answer, nor gather it, nor compress it. */
export const TAIL_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};

export function createTailConnection({ response, limits, onClose }: TailConnectionOptions): TailConnection {
  const { bufferedBytes: maxBufferedBytes, patienceMs, heartbeatMs } = limits;
  let isOpen = true;
  let heartbeat: NodeJS.Timeout | undefined;

  function close(): void {
    if (!isOpen) return;
    isOpen = false;
    clearInterval(heartbeat);
    onClose();
  }

  function begin(): void {
    if (!response.headersSent) response.writeHead(200, TAIL_HEADERS);
  }

  function end(reason: Problem, waitMs = patienceMs): void {
    if (!isOpen) return;
    close();
    begin();
    response.end(byeFrame(reason));
    const cut = setTimeout(() => response.destroy(), waitMs);
    response.once('close', () => clearTimeout(cut));
  }

  const cutOff = (): void => end(TOO_SLOW);

  response.once('close', close);
  return {
    get isOpen() {
      return isOpen;
    },
    maxBufferedBytes,
    write(bytes) {
      if (!isOpen || bytes.length === 0) return;
      begin();
      if (response.writableLength > maxBufferedBytes) cutOff();
      else response.write(bytes);
    },
    async drained() {
      if (!isOpen || !response.writableNeedDrain) return;
      const late = setTimeout(cutOff, patienceMs);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          response.off('drain', done).off('finish', done).off('close', done);
          resolve();
        };
        response.on('drain', done).on('finish', done).on('close', done);
      });
      clearTimeout(late);
    },
    everyBeat(beat) {
      heartbeat = setInterval(beat, heartbeatMs);
    },
    cutOff,
    end,
    abandon: close,
  };
}

const TOO_SLOW = problem(
  'slow_reader',
  'More waited for this reader than it took; read faster, or ask for less by a filter. The last `id` leads back to here.',
);
