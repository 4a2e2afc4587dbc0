import { KEY_HEADER, schemaFrame } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import fc from 'fast-check';
import { changedJson } from './changed-json.ts';
import { damage, damages } from './damage.ts';
import { HTTP_DOORS } from './http-doors.ts';
import { fillMarks, type Marks } from './marks.ts';

/** A record as a service writes it straight to the log; `good`: nothing is wrong with it, so it must be stored. */
export interface DirectInput {
  key: string;
  value: Buffer;
  headers: Record<string, string>;
  good: boolean;
}

/** Schemas that the registry knows, as far as frames may name them. */
export interface KnownSchemas {
  good: number;
  others: number;
}

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const WITH_KEY = { [KEY_HEADER]: 'the-write-key' };

/** Records with odd values, damaged bytes, frames right and wrong, and headers of all kinds. */
export function directInput(time: string, schemas: KnownSchemas): fc.Arbitrary<DirectInput> {
  const valid = HTTP_DOORS[0]?.valid(time) as object;
  const plain = fc.oneof(
    changedJson(valid).map(bytesOf),
    damages().map((changes) => damage(bytesOf(valid), changes)),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  );
  const framed = fc
    .tuple(fc.constantFrom(schemas.good, schemas.good, schemas.others, 0, 999, 0xffff_ffff), plain)
    .map(([id, value]) => Buffer.concat([schemaFrame(id), value]));
  const damagedFrame = damages(2).map((changes) => damage(goodFrame(valid, schemas), changes));
  const headers = fc.oneof(
    { weight: 8, arbitrary: fc.constant<Record<string, string>>(WITH_KEY) },
    fc.constant({}),
    fc
      .string({ unit: 'binary', maxLength: 80 })
      .map((text): Record<string, string> => ({ [KEY_HEADER]: text.toWellFormed() })),
    fc.dictionary(fc.string({ maxLength: 10 }), fc.string({ maxLength: 10 })).map((more) => ({ ...more, ...WITH_KEY })),
  );
  const bad = fc.record({
    key: fc.oneof(fc.constant('s'), fc.string({ unit: 'binary', maxLength: 20 })),
    value: fc.oneof(plain, framed, damagedFrame, fc.constant(Buffer.alloc(0))),
    headers,
    good: fc.constant(false),
  });
  const good = fc
    .constantFrom(bytesOf(valid), goodFrame(valid, schemas))
    .map((value) => ({ key: 's', value, headers: WITH_KEY as Record<string, string>, good: true }));
  return fc.oneof({ weight: 3, arbitrary: bad }, { weight: 1, arbitrary: good });
}

const goodFrame = (valid: object, { good }: KnownSchemas): Buffer => Buffer.concat([schemaFrame(good), bytesOf(valid)]);

/** The input with its own id, and the key. */
export function recordOf({ key, value, headers }: DirectInput, marks: Marks): NewRecord {
  const given = Object.entries(headers).map(([name, text]) => [name, text === 'the-write-key' ? marks.writeKey : text]);
  return { key, value: fillMarks(value, marks), headers: Object.fromEntries(given) };
}
