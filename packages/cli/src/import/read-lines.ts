/** A line of the input, without its line end (LF or CR LF). */
export interface InputLine {
  /** From 1; empty lines count. */
  number: number;
  bytes: Buffer;
  /** It was longer than allowed, and `bytes` is its beginning. */
  cut: boolean;
}

const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The lines of a text, in blocks, empty ones left out. Memory stays bounded by a chunk and `maxBytes`, however long a
 * line is. The bytes are valid until the next block is asked for.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<InputLine[]> {
  let number = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let tooLong = false;

  function hold(part: Buffer): void {
    const room = maxBytes - heldBytes;
    if (part.length > room) tooLong = true;
    if (room > 0 && part.length > 0) held.push(Buffer.from(part.subarray(0, room))); // a copy: the chunk goes
    heldBytes += Math.min(part.length, room);
  }

  function take(last: Buffer): InputLine | undefined {
    number++;
    let bytes = last;
    let cut = last.length > maxBytes;
    if (held.length > 0 || cut) {
      hold(last);
      bytes = Buffer.concat(held);
      cut = tooLong;
      held = [];
      heldBytes = 0;
      tooLong = false;
    }
    if (!cut && bytes.at(-1) === CR) bytes = bytes.subarray(0, -1);
    if (number === 1 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) bytes = bytes.subarray(3);
    return bytes.length === 0 ? undefined : { number, bytes, cut };
  }

  for await (const chunk of chunks) {
    const lines: InputLine[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      const line = take(chunk.subarray(from, end));
      if (line) lines.push(line);
      from = end + 1;
    }
    hold(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (heldBytes > 0) {
    const line = take(Buffer.alloc(0));
    if (line) yield [line];
  }
}
