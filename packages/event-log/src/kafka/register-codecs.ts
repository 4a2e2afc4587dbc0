import kafkajs from 'kafkajs'; // Node does not see these two as named exports
import { decompress } from './decompress.ts';

const compress = async (): Promise<Buffer> => {
  throw new Error('records are not compressed here');
};

/**
 * Teaches kafkajs' own decoder, which reads from brokers before 2.3 only, what services wrote with snappy, lz4 or zstd;
 * gzip it knows by itself. kafkajs keeps codecs for the whole process.
 */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  for (const type of [CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD] as const) {
    CompressionCodecs[type] = () => ({ compress, decompress: (bytes: Buffer) => decompress(type, bytes) });
  }
}
