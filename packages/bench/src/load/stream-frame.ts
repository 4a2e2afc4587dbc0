/**
 * What a client's bytes are masked with (RFC 6455, 5.3): the same in all four places, so that digits can be rewritten
 * wherever they stand. Not 0: the server would skip the unmasking, which is a part of what it costs.
 */
const MASK = 0x55;
const MASK_BYTES = 4;
const MASKED = 0x80;
const FINAL = 0x80;
const OPCODE_BITS = 0x0f;
const LENGTH_OF_16_BITS = 126;
const LENGTH_OF_64_BITS = 127;

/** Kinds of frames. */
export const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** A whole frame as a client sends it, and where its text begins. */
export function frameOf(text: Uint8Array, opcode: number = OPCODE.text): { bytes: Buffer; textAt: number } {
  const { length } = text;
  const size = length < LENGTH_OF_16_BITS ? 0 : length < 0x1_0000 ? 2 : 8;
  const textAt = 2 + size + MASK_BYTES;
  const bytes = Buffer.alloc(textAt + length, MASK);
  bytes[0] = FINAL | opcode;
  bytes[1] = MASKED | (size === 0 ? length : size === 2 ? LENGTH_OF_16_BITS : LENGTH_OF_64_BITS);
  if (size === 2) bytes.writeUInt16BE(length, 2);
  if (size === 8) bytes.writeBigUInt64BE(BigInt(length), 2);
  bytes.set(text, textAt);
  maskInPlace(bytes, textAt, length);
  return { bytes, textAt };
}

export function maskInPlace(bytes: Uint8Array, at: number, length: number): void {
  for (let i = at; i < at + length; i++) (bytes[i] as number) ^= MASK;
}

export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

/**
 * Reads the answer to the handshake, and then the server's frames. It knows only what the benchmarked server sends; it throws
 * at anything else, so that nothing is miscounted.
 */
export class ServerFrames {
  #held: Buffer = Buffer.alloc(0);
  /** The handshake is done: frames may be sent. */
  open = false;

  /** The frames that are whole now. */
  read(chunk: Buffer): ServerFrame[] {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const frames: ServerFrame[] = [];
    if (!this.open) {
      const end = rest.indexOf('\r\n\r\n');
      if (end >= 0 && !rest.toString('latin1', 0, end).startsWith('HTTP/1.1 101 ')) {
        throw new Error(`No stream was opened: ${rest.toString('latin1', 0, 300)}`);
      }
      if (end >= 0) rest = rest.subarray(end + 4);
      this.open = end >= 0;
    }
    while (this.open) {
      const found = frameIn(rest);
      if (!found) break;
      frames.push(found.frame);
      rest = rest.subarray(found.end);
    }
    this.#held = rest;
    return frames;
  }
}

function frameIn(bytes: Buffer): { frame: ServerFrame; end: number } | undefined {
  const [first, short] = bytes;
  if (first === undefined || short === undefined) return undefined;
  if ((first & FINAL) === 0 || short > LENGTH_OF_16_BITS) {
    throw new Error(`A frame is not understood: ${bytes.toString('hex', 0, 16)}`);
  }
  const begin = short === LENGTH_OF_16_BITS ? 4 : 2;
  if (bytes.length < begin) return undefined;
  const end = begin + (begin === 4 ? bytes.readUInt16BE(2) : short);
  if (bytes.length < end) return undefined;
  return { frame: { opcode: first & OPCODE_BITS, payload: bytes.subarray(begin, end) }, end };
}
