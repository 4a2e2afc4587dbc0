import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { classifyStoreError, FAILURE_CLASSES } from '../src/index.ts';

const withCode = (code: string, fields: object = {}) => Object.assign(new Error(code), { code, ...fields });

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test.each([
  { error: withCode('ECONNREFUSED'), name: 'connection lost' },
  { error: withCode('EPIPE'), name: 'connection lost' }, // five capitals, and yet no SQLSTATE
  { error: withCode('08006'), name: 'connection lost' },
  { error: new Error('Connection terminated unexpectedly'), name: 'connection lost' },
  { error: new Error('timeout exceeded when trying to connect'), name: 'connection lost' },
  { error: withCode('ERR_STREAM_DESTROYED'), name: 'connection lost' },
  { error: withCode('57P01'), name: 'shutdown' },
  { error: withCode('57P03'), name: 'shutdown' },
  { error: withCode('25P03'), name: 'shutdown' },
  { error: withCode('25006'), name: 'read-only' },
  { error: withCode('40P01'), name: 'deadlock' },
  { error: withCode('40001'), name: 'serialization' },
  { error: withCode('55P03'), name: 'lock timeout' },
  { error: withCode('57014'), name: 'statement timeout' },
  { error: withCode('53100'), name: 'disk full' },
  { error: withCode('53200'), name: 'out of memory' },
  { error: withCode('53300'), name: 'too many connections' },
  { error: withCode('53400'), name: 'other resources' },
  { error: withCode('42501'), name: 'access' },
  { error: withCode('28P01'), name: 'access' },
  { error: withCode('42P01'), name: 'schema' },
  { error: withCode('42703'), name: 'schema' },
  { error: withCode('XX001'), name: 'storage' },
  { error: withCode('23505', { table: 'batches' }), name: 'books' },
  { error: withCode('23505', { table: 'events_d20261121' }), name: 'data' },
  { error: withCode('22021'), name: 'data' },
  { error: withCode('54000'), name: 'data' },
  { error: new TypeError('x is not a function'), name: 'program fault' },
  { error: new RangeError('Invalid time value'), name: 'program fault' },
  // Was taken for a lost connection, for its code, and waited out for ever.
  { error: thrownBy(() => Buffer.alloc(4).writeInt32BE(2 ** 40)), name: 'program fault' },
  { error: thrownBy(() => Buffer.from(5 as never)), name: 'program fault' },
  { error: withCode('P0001'), name: 'unknown' },
  { error: withCode('XX000'), name: 'unknown' },
  { error: new Error('something else'), name: 'unknown' },
  { error: undefined, name: 'unknown' },
])('T13: $error is of the class "$name"', ({ error, name }) => {
  expect(classifyStoreError(error).name).toBe(name);
});

test('no code stands in two classes, and only what is in the row itself is ever isolated', () => {
  const codes = FAILURE_CLASSES.flatMap((failure) => failure.codes);
  expect(new Set(codes).size).toBe(codes.length);
  const isolated = FAILURE_CLASSES.filter(({ remedy }) => remedy === 'isolate').map(({ name }) => name);
  expect(isolated).toEqual(['data', 'program fault']);
});

test('docs/operating.md has the table of classes as the code has it', () => {
  const page = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8');
  const section = page.split(/^## /m).find((part) => part.startsWith('When PostgreSQL does not take a batch\n')) ?? '';
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
    );
  expect(rows).toEqual(
    FAILURE_CLASSES.map(({ name, codes, remedy, needsMending, meaning }) => [
      name,
      codes.join(' '),
      meaning.replaceAll('`', '').replaceAll('|', ''),
      remedy,
      needsMending ? 'yes' : '',
    ]),
  );
});
