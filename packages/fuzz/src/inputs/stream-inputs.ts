import fc from 'fast-check';
import { changedJson } from './changed-json.ts';
import { type Damage, damage, damages } from './damage.ts';
import { HTTP_DOORS } from './http-doors.ts';
import { fillMarks, type Marks } from './marks.ts';

/** A frame of the WebSocket protocol as a client would send it. */
export interface WireFrame {
  fin: boolean;
  opcode: number;
  payload: Buffer;
}

/** What is sent in one go over a WebSocket. */
export interface StreamStep {
  frames: readonly WireFrame[];
  /** To the bytes of the frames, in all. */
  damage: readonly Damage[];
  /** Whether the frames are a message that must be answered: else the server may close the connection instead. */
  answered: boolean;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const frame = (opcode: number, payload: Buffer, fin = true): WireFrame => ({ fin, opcode, payload });
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** In fragments, with a ping between them. */
function fragmented(payload: Buffer, place: number, opcode = TEXT): WireFrame[] {
  const at = place % Math.max(1, payload.length);
  return [frame(opcode, payload.subarray(0, at), false), frame(PING, Buffer.from('p')), frame(0, payload.subarray(at))];
}

/** Messages good and odd, damaged JSON, control frames, and frames whose own bytes are damaged. */
export function streamStep(time: string): fc.Arbitrary<StreamStep> {
  const event = HTTP_DOORS[0]?.valid(time) as object;
  const valid = { id: 'f', sentAt: time, events: [event, event] };
  const message = fc.oneof(changedJson(valid).map(bytesOf), fc.constant(bytesOf(valid)));
  const answered = message.chain((payload) =>
    fc.oneof(
      fc.constant([frame(TEXT, payload)]),
      fc.constant([frame(BINARY, payload)]),
      fc.nat(1 << 16).map((place) => fragmented(payload, place)),
    ),
  );
  const damagedText = damages().map((changes) => [frame(TEXT, damage(bytesOf(valid), changes))]);
  const damagedBinary = damages().map((changes) => [frame(BINARY, damage(bytesOf(valid), changes))]);
  const control = fc.tuple(fc.constantFrom(PING, PONG), fc.uint8Array({ maxLength: 125 }));
  const wrong = fc.tuple(
    fc.boolean(),
    fc.constantFrom(0, TEXT, BINARY, 3, 7, CLOSE, PING, PONG, 11, 15),
    fc.uint8Array({ maxLength: 140 }),
  );
  const as = (frames: fc.Arbitrary<readonly WireFrame[]>, isAnswered: boolean): fc.Arbitrary<StreamStep> =>
    frames.map((each) => ({ frames: each, damage: [], answered: isAnswered }));
  return fc.oneof(
    { weight: 8, arbitrary: as(answered, true) },
    { weight: 4, arbitrary: as(damagedBinary, true) },
    { weight: 2, arbitrary: as(damagedText, false) },
    {
      weight: 1,
      arbitrary: as(
        control.map(([opcode, bytes]) => [frame(opcode, Buffer.from(bytes))]),
        false,
      ),
    },
    {
      weight: 1,
      arbitrary: as(
        wrong.map(([fin, opcode, bytes]) => [frame(opcode, Buffer.from(bytes), fin)]),
        false,
      ),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        frames: answered,
        damage: damages(2),
        answered: fc.constant(false),
      }),
    },
  );
}

/** The frames as a client puts them on the wire, with their own id, masked, and damaged. */
export function stepBytes({ frames, damage: changes }: StreamStep, marks: Marks): Buffer {
  const whole = frames.map((each) => frameBytes({ ...each, payload: fillMarks(each.payload, marks) }));
  return damage(Buffer.concat(whole), changes);
}

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

function frameBytes({ fin, opcode, payload }: WireFrame): Buffer {
  const head = [(fin ? 0x80 : 0) | opcode];
  if (payload.length < 126) head.push(0x80 | payload.length);
  else if (payload.length < 65_536) head.push(0x80 | 126, payload.length >> 8, payload.length & 0xff);
  else head.push(0x80 | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (payload.length >> shift) & 0xff));
  const masked = Buffer.from(payload.map((byte, at) => byte ^ (MASK[at % 4] as number)));
  return Buffer.concat([Buffer.from(head), MASK, masked]);
}

export const closeBytes = (): Buffer => frameBytes(frame(CLOSE, Buffer.from([0x03, 0xe8])));
