/** A frame of the WebSocket protocol as a server sends it. */
export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

/**
 * The frames that stand whole at the beginning of the bytes, and what is left.
 * @throws Error where a server must not send such a frame
 */
export function readFrames(bytes: Buffer): { frames: ServerFrame[]; rest: Buffer } {
  const frames: ServerFrame[] = [];
  let rest = bytes;
  while (rest.length >= 2) {
    const [first, second] = rest as unknown as [number, number];
    if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0) throw new Error(`An odd frame of the server: ${first}`);
    const size = sizeOf(rest, second);
    if (size === undefined) break;
    const { head, length } = size;
    if (rest.length < head + length) break;
    frames.push({ opcode: first & 0x0f, payload: Buffer.from(rest.subarray(head, head + length)) });
    rest = rest.subarray(head + length);
  }
  return { frames, rest };
}

function sizeOf(bytes: Buffer, second: number): { head: number; length: number } | undefined {
  if (second < 126) return { head: 2, length: second };
  if (second === 126) return bytes.length < 4 ? undefined : { head: 4, length: bytes.readUInt16BE(2) };
  return bytes.length < 10 ? undefined : { head: 10, length: Number(bytes.readBigUInt64BE(2)) };
}
