const CHUNK_BYTES = 64 * 1024;
/** No UTF-16 code unit takes more in UTF-8. */
const LONGEST_UNIT = 3;

export interface TextPlace {
  start: number;
  length: number;
}

/** Bytes of texts that were read in full: written one behind another into buffers, of which `buffer` is the last. */
export class TextChunks {
  #buffer = Buffer.alloc(0);
  #at = 0;

  /** Where the texts stand that were written last. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  write(text: string): TextPlace {
    this.#reserve(text.length);
    const start = this.#at;
    this.#at += this.#buffer.write(text, start);
    return { start, length: this.#at - start };
  }

  /** Into one buffer. */
  writeTogether(texts: readonly (string | undefined)[]): (TextPlace | undefined)[] {
    this.#reserve(texts.reduce((sum, text) => sum + (text?.length ?? 0), 0));
    return texts.map((text) => (text === undefined ? undefined : this.write(text)));
  }

  clear(): void {
    this.#buffer = Buffer.alloc(0);
    this.#at = 0;
  }

  #reserve(units: number): void {
    if (this.#at + LONGEST_UNIT * units <= this.#buffer.length) return;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, LONGEST_UNIT * units));
    this.#at = 0;
  }
}
