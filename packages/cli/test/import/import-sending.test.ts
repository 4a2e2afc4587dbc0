import { afterEach, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../src/errors.ts';
import { ImportError } from '../../src/import/import-event.ts';
import { createImportScene, event, type ImportScene, lines } from './import-scene.ts';
import { type Arrived, answer } from './stand-in-api.ts';

let scene: ImportScene;
afterEach(() => scene.close());

const play = async (intervene?: (arrived: Arrived) => boolean | Promise<boolean>) => {
  scene = await createImportScene(intervene);
};

const manyEvents = (count: number, sessions: number) =>
  lines(
    ...Array.from({ length: count }, (_, i) =>
      event({ sessionId: `s-${i % sessions}`, seq: Math.floor(i / sessions) }),
    ),
  );

describe('O9: sending', () => {
  test('batches have at most 2500 events and stay below 8 MiB, and come gzipped with the key', async () => {
    await play();
    const large = event({ context: { text: 'é'.repeat(15_000) } });
    await scene.importing(
      lines(...Array.from({ length: 3000 }, () => event()), ...Array.from({ length: 500 }, () => large)),
    );
    expect(scene.api.stored.length).toBe(3500);
    expect(scene.api.requests[0]?.lines.length).toBe(2500);
    for (const { bytes, lines: sent, headers } of scene.api.requests) {
      expect(bytes).toBeLessThan(8 * 1024 * 1024);
      expect(sent.length).toBeLessThanOrEqual(2500);
      expect(headers).toMatchObject({
        authorization: 'Bearer the-key',
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
        'user-agent': '',
      });
    }
  });

  test('T7: several batches are in flight, never two with events of one session, and its events keep their order', async () => {
    const inFlight: Set<string>[] = [];
    let most = 0;
    let shared = 0;
    await play(async ({ events }) => {
      const sessions = new Set(events.map(({ sessionId }) => sessionId));
      if (inFlight.some((others) => [...sessions].some((session) => others.has(session)))) shared++;
      inFlight.push(sessions);
      most = Math.max(most, inFlight.length);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
      inFlight.splice(inFlight.indexOf(sessions), 1);
      return false;
    });
    await scene.importing(manyEvents(2000, 10), { concurrency: 3, tuning: { batchEvents: 50 } });
    expect({ most, shared, stored: scene.api.stored.length }).toEqual({ most: 3, shared: 0, stored: 2000 });
    for (let session = 0; session < 10; session++) {
      const seqs = scene.api.stored.filter(({ sessionId }) => sessionId === `s-${session}`).map(({ seq }) => seq);
      expect(seqs).toEqual(Array.from({ length: 200 }, (_, seq) => seq));
    }
  });

  test('what is passing is waited out, for as long as it takes: 503, 429, 500, dropped connections; and it is told', async () => {
    const answers: ((arrived: Arrived) => void)[] = [
      ({ response }) => answer(response, 503, { detail: 'The log cannot take events' }, { 'retry-after': '0' }),
      ({ response }) => response.destroy(),
      ({ response }) => answer(response, 429, { detail: 'Too many' }),
      ({ response }) => response.writeHead(502).end('<html>Bad gateway</html>'),
      ({ response }) => answer(response, 500, { detail: 'Something failed' }),
      ({ response }) => {
        response.writeHead(202, { 'content-type': 'application/json', 'content-length': '100' }).write('{"accepted":');
        setTimeout(() => response.destroy(), 20);
      },
    ];
    await play((arrived) => {
      const odd = answers.shift();
      odd?.(arrived);
      return odd !== undefined;
    });
    const report = await scene.importing(lines(event(), event()));
    expect(report).toMatchObject({ accepted: 2, refused: 0 });
    expect(scene.api.requests.length).toBe(7);
    expect(scene.api.stored.length).toBe(2);
    expect(scene.log()).toContain('answered 503: The log cannot take events; trying again in 1 s');
    expect(scene.log()).toMatch(/cannot be reached \((UND_ERR_SOCKET|ECONNRESET)\); trying again/);
    expect(scene.log()).toContain('answered 502; trying again');
  });

  test('Retry-After is kept to', async () => {
    let refusedAt = 0;
    let waited = 0;
    await play(({ number, response }) => {
      if (number === 2) waited = performance.now() - refusedAt;
      if (number > 1) return false;
      refusedAt = performance.now();
      answer(response, 503, {}, { 'retry-after': '1' });
      return true;
    });
    await scene.importing(lines(event()));
    expect(waited).toBeGreaterThanOrEqual(990);
  });

  test('a server that is not there is waited for', async () => {
    await play();
    const { url } = scene.api;
    await scene.api.close();
    const stop = new AbortController();
    let log = '';
    const write = (text: string) => {
      log += text;
      if (text.includes('ECONNREFUSED')) stop.abort();
    };
    const report = await scene.importing(lines(event()), { url, signal: stop.signal, log: { write } });
    expect(report).toMatchObject({ accepted: 0, interrupted: true });
    expect(log).toContain(`${url} cannot be reached (ECONNREFUSED); trying again in`);
  });

  test.each([401, 403])('%i stops it at once with a sentence, also while another batch waits', async (status) => {
    await play(({ number, response }) => {
      if (number === 1) answer(response, 503, { detail: 'later' }, { 'retry-after': '3600' });
      else answer(response, status, { detail: 'The write key is not valid.' });
      return true;
    });
    const failed = scene.importing(manyEvents(100, 100), { tuning: { batchEvents: 10 } });
    await expect(failed).rejects.toThrow(UsageError);
    await expect(failed).rejects.toThrow(
      `${scene.api.url} answered ${status}: The write key is not valid. Set WAYLINE_KEY`,
    );
  });

  test.each([
    [404, {}, {}, /answered 404\.$/],
    [200, {}, {}, /answered 200\.$/],
    [202, { ok: true }, {}, /is not Wayline/],
    [202, { accepted: 5, rejected: [] }, {}, /is not Wayline/],
    [
      301,
      {},
      { location: 'https://elsewhere.example/' },
      /sends on to https:\/\/elsewhere\.example\/; set WAYLINE_URL/,
    ],
  ])('an answer that Wayline does not give stops it with a sentence: %i %j', async (status, body, headers, message) => {
    await play(({ response }) => {
      answer(response, status, body, headers);
      return true;
    });
    const failed = scene.importing(lines(event()));
    await expect(failed).rejects.toThrow(ImportError);
    await expect(failed).rejects.toThrow(message);
  });

  test('a batch that is too large for what stands between is sent in halves, down to one event', async () => {
    await play(({ bytes, response }) => {
      if (bytes <= 500) return false;
      answer(response, 413, { title: 'Too large' });
      return true;
    });
    const report = await scene.importing(
      lines(event(), event({ page: `/${'x'.repeat(600)}` }), ...Array.from({ length: 8 }, () => event())),
    );
    expect(report).toMatchObject({ accepted: 9, refused: 1, refusedByCode: { too_long: 1 } });
    expect(scene.log()).toContain('line 2 is refused: too_long');
  });
});
