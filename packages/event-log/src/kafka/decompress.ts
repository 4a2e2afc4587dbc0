import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const inflate = promisify(gunzip);

/** Before the blocks of Java's snappy streams: a magic, and two versions of 4 bytes each. Other clients write one bare block. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

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

/** Kafka's numbers of codecs. */
const CODECS: Readonly<Record<number, (compressed: Buffer) => Promise<Buffer>>> = {
  1: (compressed) => inflate(compressed),
  2: decompressSnappy,
  3: decompressLz4,
  4: decompressZstd,
};

/** The records of a batch as they were before the codec; rejects for bytes that are none of it, and for a codec unknown here. */
export async function decompress(codec: number, compressed: Buffer): Promise<Buffer> {
  const work = CODECS[codec];
  if (!work) throw new Error(`compression codec ${codec} is not known`);
  return work(compressed);
}
