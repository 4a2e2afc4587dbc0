/** Between two answers it is read up to so far ahead. */
const AHEAD_BYTES = 16 * 1024;
const LENGTH_BYTES = 4;
/** Whatever says that it is longer is no answer of a broker; nothing is set aside for it. */
const LONGEST_BYTES = 256 * 1024 * 1024;

/** As node:net takes it for `onread`: where the next bytes are to go, and how many have come. */
export interface FrameReader {
  buffer(): Uint8Array;
  callback(bytes: number): boolean;
}

/**
 * Cuts what a broker sends into answers, each its length in four bytes and so many bytes behind it. A long one is read
 * straight to its place: as a stream it would come in hundreds of pieces, each with memory of its own, and be copied once more.
 * @param onFrame told each as a whole, with its length; the bytes are its own. What cannot be an answer is told as it comes
 */
export function readFrames(onFrame: (frame: Buffer) => void): FrameReader {
  const ahead = Buffer.allocUnsafeSlow(AHEAD_BYTES);
  let held = 0;
  let frame: Buffer | undefined;
  let framed = 0;
  let isStray = false;

  /** The answers in what was read ahead; what remains is the beginning of the next one's length. */
  function cut(): void {
    let at = 0;
    while (!isStray && !frame && held - at >= LENGTH_BYTES) {
      const length = LENGTH_BYTES + ahead.readInt32BE(at);
      if (length < LENGTH_BYTES || length > LONGEST_BYTES) {
        isStray = true;
      } else if (held - at >= length) {
        onFrame(Buffer.from(ahead.subarray(at, at + length)));
        at += length;
      } else {
        frame = Buffer.allocUnsafeSlow(length);
        framed = ahead.copy(frame, 0, at, held);
        at = held;
      }
    }
    if (isStray && held > at) {
      onFrame(Buffer.from(ahead.subarray(at, held)));
      at = held;
    }
    ahead.copyWithin(0, at, held);
    held -= at;
  }

  return {
    buffer: () => frame?.subarray(framed) ?? ahead.subarray(held),
    callback(bytes) {
      if (!frame) {
        held += bytes;
        cut();
        return true;
      }
      framed += bytes;
      if (framed < frame.length) return true;
      const whole = frame;
      frame = undefined;
      onFrame(whole);
      return true;
    },
  };
}
