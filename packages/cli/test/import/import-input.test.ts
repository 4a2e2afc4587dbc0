import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ImportError } from '../../src/import/import-event.ts';
import { createImportScene, event, type ImportScene } from './import-scene.ts';
import type { Arrived } from './stand-in-api.ts';

let scene: ImportScene;
afterEach(() => scene.close());

const play = async (intervene?: (arrived: Arrived) => boolean | Promise<boolean>) => {
  scene = await createImportScene(intervene);
};

describe('O9: input that fails, and stopping', () => {
  test('a file that is not there, or a folder, is told in a sentence', async () => {
    await play();
    await expect(scene.importing(join(scene.folder, 'none'))).rejects.toThrow(
      /none cannot be imported: there is no such file\.$/,
    );
    await expect(scene.importing(scene.folder)).rejects.toThrow(/it is a folder/);
  });

  test('gzip that is cut off is told in a sentence', async () => {
    await play();
    const file = join(scene.folder, 'cut.gz');
    await writeFile(file, gzipSync(`${event()}\n`.repeat(1000)).subarray(0, 100));
    const failed = scene.importing(file);
    await expect(failed).rejects.toThrow(ImportError);
    await expect(failed).rejects.toThrow(/is gzip, but damaged or cut off: unexpected end of file/);
  });

  test('several gzip members one after the other are one input; an empty input is fine', async () => {
    await play();
    const file = join(scene.folder, 'members');
    await writeFile(file, Buffer.concat([gzipSync(`${event()}\n`), gzipSync(`${event()}\n`)]));
    expect(await scene.importing(file)).toMatchObject({ lines: 2, accepted: 2 });
    expect(await scene.importing(Readable.from([]))).toMatchObject({ lines: 0, accepted: 0, refused: 0 });
  });

  test('stopped while the input gives nothing, it ends at once, and says that it may be run again', async () => {
    const stop = new AbortController();
    const input = new PassThrough();
    await play(() => {
      stop.abort();
      return false;
    });
    for (let i = 0; i < 11; i++) input.write(`${event({ sessionId: `s-${i}` })}\n`); // and it never ends
    const report = await scene.importing(input, { signal: stop.signal, concurrency: 1, tuning: { batchEvents: 10 } });
    expect(report).toMatchObject({ interrupted: true });
    expect(report.accepted).toBeLessThanOrEqual(10);
    expect(scene.log()).toContain(
      'interrupted; run it again to import the rest: what is stored already is not stored twice',
    );
  });

  test('stopped while it sorts, it leaves nothing on disk', async () => {
    const stop = new AbortController();
    const line = '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "agent"\n';
    async function* input() {
      for (let i = 0; i < 100; i++) yield Buffer.from(line.repeat(10));
      stop.abort();
      yield Buffer.from(line);
      await new Promise(() => {}); // for ever
    }
    await play();
    const report = await scene.importing(Readable.from(input()), {
      format: 'access-log',
      signal: stop.signal,
      tuning: { sort: { memoryBytes: 10_000 } },
    });
    expect(report).toMatchObject({ accepted: 0, interrupted: true });
    expect(await readdir(scene.folder)).toEqual(['import-salt']);
  });

  test('bad lines of an access log are told with their number; fields that are too long are cut, whole code points', async () => {
    await play();
    const long = '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /%s HTTP/1.1" 200 5 "-" "%s"';
    const text = [
      'no access log',
      long.replace('%s', '😀'.repeat(3000)).replace('%s', `a${'😀'.repeat(600)}`),
      '',
      '192.0.2.7 - - [17/Nov/2015:99:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "-"',
      '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "\\x16\\x03" 400 0 "-" "-"',
    ].join('\n');
    const report = await scene.importing(Readable.from([Buffer.from(text)]), { format: 'access-log' });
    expect(report).toMatchObject({ lines: 4, accepted: 2, refused: 2, cut: 1, sessions: 2 });
    expect(scene.log()).toContain('line 1 is refused: invalid_format: is not in combined format');
    expect(scene.log()).toContain('line 4 is refused: invalid_format: has a time that does not exist');
    const [cut, odd] = scene.api.stored.sort((a, b) => (b.page ?? '').length - (a.page ?? '').length);
    expect([...String(cut?.page)].length).toBe(2048);
    expect(cut?.userAgent).toBe(`a${'😀'.repeat(511)}`);
    expect(odd).toMatchObject({ context: { request: '\x16\x03', status: 400 } });
    expect(odd).not.toHaveProperty('page');
    expect(odd).not.toHaveProperty('userAgent');
  });
});
