import fc from 'fast-check';
import { type Damage, damage, damages } from './damage.ts';
import { type HttpInput, type HttpRequest, httpInput } from './http-inputs.ts';

/** A request whose form on the wire is wrong. */
export interface WireInput {
  http: HttpInput;
  how:
    | { kind: 'damaged'; damage: readonly Damage[] }
    | { kind: 'wrong length'; by: number }
    | { kind: 'chunks'; sizes: readonly number[]; damage: readonly Damage[] }
    | { kind: 'doubled' }
    | { kind: 'both lengths' };
  /** Where the bytes are parted, so that they come in pieces. */
  parts: readonly number[];
}

/** Requests damaged as a whole, of wrong lengths, in damaged chunks, and two at once. */
export const wireInput = (time: string): fc.Arbitrary<WireInput> =>
  fc.record({
    http: httpInput(time),
    how: fc.oneof(
      fc.record({ kind: fc.constant('damaged' as const), damage: damages() }),
      fc.record({ kind: fc.constant('wrong length' as const), by: fc.integer({ min: -50, max: 50 }) }),
      fc.record({
        kind: fc.constant('chunks' as const),
        sizes: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
        damage: fc.oneof(fc.constant([]), damages(2)),
      }),
      fc.record({ kind: fc.constant('doubled' as const) }),
      fc.record({ kind: fc.constant('both lengths' as const) }),
    ),
    parts: fc.array(fc.nat(1 << 16), { maxLength: 2 }),
  });

/** The request as bytes. @param length what its head says of the body's; undefined: nothing */
function headOf({ path, headers }: HttpRequest, length: number | undefined, more = ''): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (length !== undefined) lines.push(`content-length: ${length}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\nhost: a.example\r\n${lines.join('')}${more}\r\n`, 'latin1');
}

/** The request as it is, on the wire. */
export const wellFormed = (request: HttpRequest): Buffer =>
  Buffer.concat([headOf(request, request.body.length), request.body]);

/** The pieces that are written one after the other. */
export function wireBytes({ how, parts }: WireInput, request: HttpRequest): Buffer[] {
  const whole = deformed(how, request);
  const places = parts.map((place) => place % Math.max(1, whole.length)).sort((a, b) => a - b);
  return [0, ...places].map((from, index) => whole.subarray(from, places[index] ?? whole.length));
}

function deformed(how: WireInput['how'], request: HttpRequest): Buffer {
  const { body } = request;
  switch (how.kind) {
    case 'damaged':
      return damage(wellFormed(request), how.damage);
    case 'wrong length':
      return Buffer.concat([headOf(request, Math.max(0, body.length + how.by)), body]);
    case 'chunks':
      return Buffer.concat([
        headOf(request, undefined, 'transfer-encoding: chunked\r\n'),
        damage(chunked(body, how.sizes), how.damage),
      ]);
    case 'doubled':
      return Buffer.concat([wellFormed(request), wellFormed(request)]);
    case 'both lengths':
      return Buffer.concat([headOf(request, body.length, 'transfer-encoding: chunked\r\n'), chunked(body, [50])]);
  }
}

function chunked(body: Buffer, sizes: readonly number[]): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const piece = body.subarray(at, at + (sizes[turn % sizes.length] as number));
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
    at += piece.length;
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}
