import type { ProxiedConnection, TcpProxy } from '@wayline/testkit';

/** A produce request as it passed on the wire. */
export interface SeenProduce {
  bytes: number;
  /** Bytes of the record batch of each partition. */
  batches: number[];
  /** `performance.now()` when it had come whole. */
  atMs: number;
}

export interface ProduceWatch {
  readonly requests: readonly SeenProduce[];
  /** The most that waited for their answer at once. */
  mostUnanswered(): number;
  unanswered(): number;
  forget(): void;
}

const PRODUCE = 0;

/** Hands over what stands behind each length of four bytes, whole, however it comes in chunks. */
function createFrames(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE()) {
      const end = 4 + rest.readInt32BE();
      onFrame(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  };
}

/** Of a request without its length; versions 3 to 7. */
function batchesOf(frame: Buffer): number[] {
  let at = 8;
  const skipText = () => {
    at += 2 + Math.max(0, frame.readInt16BE(at));
  };
  skipText(); // the client's id
  skipText(); // a transaction
  at += 2 + 4; // acks, time-out
  const batches: number[] = [];
  const topics = frame.readInt32BE(at);
  at += 4;
  for (let topic = 0; topic < topics; topic++) {
    skipText();
    const partitions = frame.readInt32BE(at);
    at += 4;
    for (let i = 0; i < partitions; i++) {
      const bytes = frame.readInt32BE(at + 4);
      batches.push(bytes);
      at += 8 + bytes;
    }
  }
  return batches;
}

/** Watches what a client asks a broker to append. To be called before the client connects. */
export function watchProduce(proxy: TcpProxy): ProduceWatch {
  const requests: SeenProduce[] = [];
  const waiting = new Set<string>();
  let most = 0;
  let connections = 0;
  const known = new WeakMap<ProxiedConnection, { request(chunk: Buffer): void; answer(chunk: Buffer): void }>();
  const framesOf = (connection: ProxiedConnection) => {
    let frames = known.get(connection);
    if (!frames) {
      const id = connections++;
      frames = {
        request: createFrames((frame) => {
          if (frame.readInt16BE() !== PRODUCE) return;
          requests.push({ bytes: frame.length, batches: batchesOf(frame), atMs: performance.now() });
          waiting.add(`${id}/${frame.readInt32BE(4)}`);
          most = Math.max(most, waiting.size);
        }),
        answer: createFrames((frame) => void waiting.delete(`${id}/${frame.readInt32BE()}`)),
      };
      known.set(connection, frames);
    }
    return frames;
  };
  proxy.watch({
    onRequest: (chunk, connection) => framesOf(connection).request(chunk),
    onAnswer: (chunk, connection) => framesOf(connection).answer(chunk),
  });
  return {
    requests,
    mostUnanswered: () => most,
    unanswered: () => waiting.size,
    forget() {
      requests.length = 0;
      most = 0;
    },
  };
}
