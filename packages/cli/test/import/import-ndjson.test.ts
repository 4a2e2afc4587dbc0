import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { isUuid, uuidV7 } from '@wayline/contracts';
import { createImportScene, event, type ImportScene, lines } from './import-scene.ts';
import { type Arrived, answer } from './stand-in-api.ts';

let scene: ImportScene;
afterEach(() => scene.close());

const play = async (intervene?: (arrived: Arrived) => boolean | Promise<boolean>) => {
  scene = await createImportScene(intervene);
};

const AT = '2026-01-05T00:00:00.000Z';

describe('O9: importing NDJSON', () => {
  test('lines are sent as they were written, with an id where they have none', async () => {
    await play();
    const own = event({ eventId: '0d9b0e0c-5e34-4b0c-8b0e-1c2f6a1f7a11', value: 1 });
    const digits =
      '{"sessionId":"s-1","type":"click","occurredAt":1767571200000,"context":{"n":12345678901234567890.10}}';
    expect(await scene.importing(lines(own, '', digits))).toMatchObject({
      lines: 2,
      accepted: 2,
      refused: 0,
      sessions: undefined,
    });
    const sent = scene.api.requests.flatMap(({ lines }) => lines);
    expect(sent[0]).toBe(own);
    expect(sent[1]).toMatch(/^\{"eventId":"[0-9a-f-]{36}","sessionId"/);
    expect(sent[1]?.slice(50)).toBe(digits.slice(1));
  });

  test('an id that is made follows from the line and its place, also when the input is gzipped or has CR LF', async () => {
    await play();
    const text = [event(), event(), event({ type: 'other' })].join('\n');
    await scene.importing(Readable.from([Buffer.from(text)]));
    const file = join(scene.folder, 'events');
    await writeFile(file, gzipSync(Buffer.from(text.replaceAll('\n', '\r\n'))));
    await scene.importing(file);
    const ids = scene.api.stored.map(({ eventId }) => eventId);
    expect(ids.slice(0, 3)).toEqual(ids.slice(3));
    expect(new Set(ids).size).toBe(3);
    expect(ids.every(isUuid)).toBe(true);
  });

  test('an event without a time is refused unless its id has one: a run after some days would double it', async () => {
    await play();
    const timeless = { occurredAt: undefined };
    const report = await scene.importing(
      lines(
        event(timeless),
        event({ ...timeless, eventId: '0d9b0e0c-5e34-4b0c-8b0e-1c2f6a1f7a11' }),
        event({ ...timeless, eventId: uuidV7(Date.parse(AT)) }),
      ),
    );
    expect(report).toMatchObject({ lines: 3, accepted: 1, refused: 2, refusedByCode: { missing_field: 2 } });
    expect(scene.log()).toContain(
      'line 1 is refused: at /occurredAt: missing_field: `occurredAt` is required for an import',
    );
  });

  test('T8: bad lines are told with their number, code and message, and counted; the others are sent', async () => {
    await play();
    const rejectsFile = join(scene.folder, 'rejects.ndjson');
    const long = `{"context":"${'x'.repeat(1_100_000)}"}`;
    const report = await scene.importing(
      lines(
        '{"sessionId": ',
        '[1]',
        Buffer.from([0x22, 0xff, 0x22]),
        event(),
        '  ',
        long,
        event({ type: 'b\u001b[31m' }),
        '7',
      ),
      { rejectsFile },
    );
    expect(report).toMatchObject({
      lines: 7,
      accepted: 2,
      refused: 5,
      refusedByCode: { invalid_json: 2, not_an_object: 2, too_long: 1 },
    });
    expect(scene.log()).toMatch(/line 1 is refused: invalid_json: .*JSON/);
    expect(scene.log()).toContain('line 3 is refused: invalid_json: the line is not valid UTF-8');
    expect(scene.log()).toContain('line 6 is refused: too_long');
    expect(scene.log()).toContain('7 lines: 2 events accepted, 5 lines refused, in ');
    const rejects = (await readFile(rejectsFile, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rejects.map(({ line }) => line)).toEqual([1, 2, 3, 6, 8]);
    expect(rejects[1]).toEqual({
      line: 2,
      errors: [{ pointer: '', code: 'not_an_object', message: expect.any(String) }],
    });
  });

  test('T8: what the API refuses, some or all of a batch, is told with the number of its line', async () => {
    const error = { pointer: '/type', code: 'too_short', message: 'must NOT have fewer than 1 characters' };
    await play(({ events, response, number }) => {
      if (number === 1) {
        const rejected = [{ index: 1, errors: [error, { ...error, pointer: '/page' }] }];
        answer(response, 202, { accepted: events.length - 1, rejected });
      } else {
        const errors = events.map((_, index) => ({ index, ...error }));
        answer(response, 422, { code: 'no_valid_events', detail: 'All were refused', errors });
      }
      return true;
    });
    const report = await scene.importing(lines('', event(), event({ type: '' }), event({ type: '' })), {
      tuning: { batchEvents: 2 },
    });
    expect(report).toMatchObject({ lines: 3, accepted: 1, refused: 2, refusedByCode: { too_short: 2 } });
    expect(scene.log()).toContain(
      'line 3 is refused: at /type: too_short: must NOT have fewer than 1 characters; at /page: too_short',
    );
    expect(scene.log()).toContain('line 4 is refused: at /type: too_short');
  });

  test('only the first of many refusals are told, and nothing of the input reaches the terminal raw', async () => {
    await play();
    const report = await scene.importing(lines(...Array.from({ length: 30 }, (_, i) => `\u001b[31m${i}`)));
    expect(report.refused).toBe(30);
    expect(scene.log().match(/is refused/g)?.length).toBe(20);
    expect(scene.log()).toContain('further refused lines are only counted');
    expect(scene.log()).not.toContain('\u001b');
  });
});
