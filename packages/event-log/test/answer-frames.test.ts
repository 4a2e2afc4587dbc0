import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { readFrames } from '../src/kafka/answer-frames.ts';
import { createSocketSet } from '../src/kafka/socket-set.ts';

/** An answer of so many bytes behind its length, all of them different from those of another. */
function answer(bytes: number, seed: number): Buffer {
  const frame = Buffer.alloc(4 + bytes);
  frame.writeInt32BE(bytes);
  for (let i = 0; i < bytes; i++) frame[4 + i] = (seed + i * 31 + (i >> 8)) & 255;
  return frame;
}

/** Hands bytes over in pieces of at most so many, as far as there is room for them each time. */
function feed(reader: ReturnType<typeof readFrames>, bytes: Buffer, piece: () => number): void {
  for (let at = 0; at < bytes.length; ) {
    const room = reader.buffer();
    const length = Math.min(room.length, bytes.length - at, piece());
    room.set(bytes.subarray(at, at + length));
    reader.callback(length);
    at += length;
  }
}

const LENGTHS = [0, 1, 3, 16_379, 16_380, 16_381, 5, 100_000, 0, 0, 16_384, 2, 70_000, 12];

test.each([
  { pieces: 'one byte at a time', piece: () => 1 },
  { pieces: 'three bytes at a time', piece: () => 3 },
  { pieces: 'as much as there is room for', piece: () => Number.POSITIVE_INFINITY },
  { pieces: 'pieces of any length', piece: () => 1 + Math.floor(Math.random() * 40_000) },
])('answers come whole, in their order, and keep their bytes: $pieces', ({ piece }) => {
  const sent = LENGTHS.map((bytes, i) => answer(bytes, i));
  const came: Buffer[] = [];
  const reader = readFrames((frame) => came.push(frame));
  feed(reader, Buffer.concat(sent), piece);
  expect(came.map(({ length }) => length)).toEqual(sent.map(({ length }) => length));
  expect(came.every((frame, i) => frame.equals(sent[i] as Buffer))).toBe(true);
});

test('the length of an answer may be cut anywhere', () => {
  const sent = [1, 70_000, 2, 70_001, 3, 70_002, 0, 70_003].map((bytes, i) => answer(bytes, i));
  for (let size = 2; size < 20; size++) {
    const came: Buffer[] = [];
    feed(
      readFrames((frame) => came.push(frame)),
      Buffer.concat(sent),
      () => size,
    );
    expect(came.map(({ length }) => length)).toEqual(sent.map(({ length }) => length));
  }
});

test.each([
  { what: 'a length below 0', head: -1 },
  { what: 'the beginning of a TLS record', head: 0x15_03_03_00 },
])('what cannot be an answer is passed on as it comes: $what', ({ head }) => {
  const stray = Buffer.alloc(40_000, 7);
  stray.writeInt32BE(head);
  const came: Buffer[] = [];
  const reader = readFrames((frame) => came.push(frame));
  feed(reader, Buffer.concat([answer(10, 1), stray]), () => 9_000);
  expect(Buffer.concat(came).equals(Buffer.concat([answer(10, 1), stray]))).toBe(true);
});

test('a socket of kafkajs gives each answer in one piece, and tells of the end', async () => {
  const sent = [answer(12, 1), answer(3_000_000, 2), answer(0, 3)];
  const server = createServer(async (socket: Socket) => {
    const bytes = Buffer.concat(sent);
    for (let at = 0; at < bytes.length; at += 400_001) {
      socket.write(bytes.subarray(at, at + 400_001));
      await sleep(1);
    }
    socket.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = createSocketSet();
  try {
    const { port } = server.address() as AddressInfo;
    const socket = sockets.factory({ host: '127.0.0.1', port, ssl: undefined as never, onConnect: () => undefined });
    socket.on('error', () => undefined); // of being closed below
    const came: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => came.push(bytes));
    await once(socket, 'end');
    expect(came.map(({ length }) => length)).toEqual(sent.map(({ length }) => length));
    expect(Buffer.concat(came).equals(Buffer.concat(sent))).toBe(true);
  } finally {
    sockets.close();
    server.close();
  }
});
