import { crc32 } from 'node:zlib';

/** CRC-32 over key and value: by it the log is recognised when a worker comes back to a position. */
export function recordChecksum({ key, value }: { key: Buffer | null; value: Buffer | null }): number {
  return crc32(value ?? '', crc32(key ?? ''));
}
