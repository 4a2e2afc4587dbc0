import kafkajs from 'kafkajs'; // Node does not see these two as named exports

/** Before the blocks of Java's snappy streams: a magic, and two versions of 4 bytes each. Other clients write one bare block. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

const compress = async (): Promise<Buffer> => {
  throw new Error('records are not compressed here');
};

async function decompressSnappy(compressed: Buffer): Promise<Buffer> {
  const { uncompress } = await import('snappy');
  const one = async (block: Buffer) => (await uncompress(block, { asBuffer: true })) as Buffer;
  if (!compressed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return one(compressed);
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < compressed.length; ) {
    const length = compressed.readUInt32BE(at);
    at += 4;
    blocks.push(await one(compressed.subarray(at, at + length)));
    at += length;
  }
  return Buffer.concat(blocks);
}

async function decompressLz4(compressed: Buffer): Promise<Buffer> {
  const { decompressFrame } = await import('lz4-napi');
  return decompressFrame(compressed);
}

async function decompressZstd(compressed: Buffer): Promise<Buffer> {
  const { decompress } = await import('fzstd');
  const plain = decompress(compressed);
  return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
}

/**
 * Teaches kafkajs to read what services wrote with snappy, lz4 or zstd; gzip it knows by itself. A codec that is missing
 * ends kafkajs' consumer for good, at the first record so compressed. kafkajs keeps codecs for the whole process.
 */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = () => ({ compress, decompress: decompressSnappy });
  CompressionCodecs[CompressionTypes.LZ4] = () => ({ compress, decompress: decompressLz4 });
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({ compress, decompress: decompressZstd });
}
