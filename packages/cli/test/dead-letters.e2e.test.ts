import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { runWayline } from '@wayline/testkit';
import { topics } from '../src/compose.ts';
import type { DevFile } from '../src/dev-file.ts';
import { type AllInOne, createAllInOne } from './all-in-one.ts';

let all: AllInOne;
let dev: DevFile;
const dayAgo = new Date(Date.now() - 86_400_000).toISOString();
const typo = { sessionId: 's-1', type: 'click', occurredAt: dayAgo, colour: 'red\u001b[31m' };

/** What services write straight into the log while nothing else runs. */
async function writeDirect(key: string): Promise<void> {
  const log = await createEmbeddedLog({ folder: join(all.dataDir, 'log'), topics: topics(12) });
  const record = (value: unknown, headers: Record<string, string> = { 'wayline-key': key }) => ({
    key: 's-1',
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    headers,
  });
  await log.append(TOPICS.direct, [
    record(typo),
    record('rubbish'),
    record({ ...typo, colour: undefined, page: '/good' }),
    record({ ...typo, occurredAt: '1999-12-31T23:59:59.999Z', colour: undefined }),
    record(typo, { 'Wayline-Key': key }),
  ]);
  await log.close();
}

beforeAll(async () => {
  all = await createAllInOne();
  const first = await all.start();
  await first.process.end();
  await writeDirect(first.dev.writeKey);
  ({ dev } = await all.start());
  for (const deadline = Date.now() + 30_000; (await pending()) !== 0; await sleep(50)) {
    if (Date.now() > deadline) throw new Error('the log is not read to its end');
  }
}, 120_000);
afterAll(() => all.close());

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
async function api(path: string): Promise<any> {
  const response = await fetch(dev.url + path, { headers: { authorization: `Bearer ${dev.token}` } });
  return response.json();
}
const pending = async (): Promise<number | null> => (await api('/v1/ledger')).pending;

const deadLetters = (...args: string[]) =>
  runWayline(['dead-letters', ...args], { env: { WAYLINE_DATA_DIR: all.dataDir }, cwd: all.folder });
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await deadLetters(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

// The tests of this file build on one another, as the commands do.
describe('T8, O9: wayline dead-letters, in the order of mending', () => {
  let typoId: string;

  test('list, causes and show tell what is wrong; what services wrote does not steer the terminal', async () => {
    const { deadLetters: listed, more } = await json('list');
    expect(listed.map(({ code }: { code: string }) => code)).toEqual(['time_too_old', 'unreadable', 'unknown_field']);
    expect(more).toBe(false);
    typoId = listed[2].id;
    const { stdout } = await deadLetters('list', '--code', 'unknown_field');
    expect(stdout.split('\n')).toHaveLength(1);
    expect(stdout).toMatch(
      new RegExp(`^${typoId} {2}\\S+Z {2}open {2}unknown_field {2}wayline.direct/\\d+/\\d+ {2}s-1 {2}/colour`),
    );
    const { stdout: causes } = await deadLetters('causes');
    expect(causes).toMatch(/^1 \(1 open\) {2}[0-9a-f]{12} {2}time_too_old/);
    const { stdout: shown } = await deadLetters('show', typoId);
    expect(shown).toContain('reason     unknown_field: /colour');
    expect(shown).toContain('\\u001b[31m');
    expect(shown).not.toContain('\u001b');
    expect(shown).not.toContain(dev.writeKey);
    expect((await json('list', '--limit', '1')).more).toBe(true);
  });

  test('replay tries, refuses with the reason and exit code 1, and replays an edited copy', async () => {
    const trial = await deadLetters('replay', typoId, '--dry-run');
    expect(trial).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/refused {2}unknown_field: \/colour .*\n0 would be replayed, 1 refused\.$/),
    });

    const { stdout } = await deadLetters('show', typoId, '--event');
    const { colour, ...event } = JSON.parse(stdout);
    expect(colour).toBe(typo.colour);
    await writeFile(join(all.folder, 'event.json'), JSON.stringify(event));
    const edited = ['replay', typoId, '--event', 'event.json'];
    expect((await json(...edited, '--dry-run')).results).toMatchObject([{ id: typoId, outcome: 'would-replay' }]);
    expect(await json(...edited)).toMatchObject({ replayed: 1, refused: 0, results: [{ outcome: 'replayed' }] });
    const { results } = await json('replay', typoId);
    while ((await pending()) !== 0) await sleep(50);
    expect(await api(`/v1/events/${results[0].eventId}`)).toMatchObject({ fate: 'stored', event: { type: 'click' } });
    const { events } = await api('/v1/sessions/s-1/events');
    expect(events).toHaveLength(2); // the good one, and the mended one
  }, 30_000);

  test('replay and discard by filter, and by ids', async () => {
    expect(await deadLetters('replay', '--all')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/0 replayed, 2 refused\.$/),
    });
    expect(await json('discard', '--code', 'unreadable')).toEqual({ discarded: 1 });
    const [{ id }] = (await json('list')).deadLetters;
    expect(await json('discard', id)).toEqual({ discarded: 1, results: [{ id, outcome: 'discarded' }] });
    expect(await deadLetters('discard', typoId)).toMatchObject({
      code: 1,
      stdout: `${typoId}  already-replayed\n0 discarded.`,
    });
    expect(await deadLetters('list')).toMatchObject({ code: 0, stdout: 'There are none.' });
    expect((await json('list', '--state', 'all')).deadLetters).toHaveLength(3);
  });

  test.each([
    { args: ['replay'], says: /Say which: ids, a filter such as/ },
    { args: ['discard', '1', '--all'], says: /not several of them/ },
    { args: ['replay', '1', '2', '--event', 'event.json'], says: /name its id alone/ },
    { args: ['replay', '1', '--event', 'missing.json'], says: /missing\.json cannot be read/ },
    { args: ['show', 'x'], says: /named by its number/ },
    { args: ['show', '999'], says: /There is no dead letter "999"/ },
    { args: ['list', '--from', 'yesterday'], says: /`from` must be an RFC 3339 time/ },
    { args: ['list', '--state', 'new'], says: /argument 'new' is invalid/ },
  ])('$args is wrong usage: exit code 2 and a sentence', async ({ args, says }) => {
    const { code, stdout, stderr } = await deadLetters(...args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(says) });
  });

  test('a token that may not, and a Wayline that is not there', async () => {
    const env = { WAYLINE_DATA_DIR: all.dataDir, WAYLINE_TOKEN: dev.writeKey };
    expect(await runWayline(['dead-letters', 'list'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/needs the scope `admin`.*Set WAYLINE_TOKEN/),
    });
    const elsewhere = { ...env, WAYLINE_URL: 'http://127.0.0.1:9' };
    expect(await runWayline(['dead-letters', 'list'], { env: elsewhere })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot be reached/),
    });
  });

  test("I5: what is nobody's is shown to whoever has the database alone, without the key in it", async () => {
    const admin = (...args: string[]) =>
      runWayline(['admin', 'unattributed', ...args], { env: { WAYLINE_DATA_DIR: all.dataDir } });
    const { deadLetters: listed } = JSON.parse((await admin('--json')).stdout);
    expect(listed).toMatchObject([{ code: 'missing_key', state: 'open' }]);
    const { stdout } = await admin(listed[0].id);
    expect(stdout).toContain('header     Wayline-Key: wlk_');
    expect(stdout).not.toContain(dev.writeKey);
    expect(await admin('999')).toMatchObject({ code: 2 });
  });
});

test('the examples of docs/operating.md are commands that there are', async () => {
  const page = await readFile(new URL('../../../docs/operating.md', import.meta.url), 'utf8');
  const names = new Set([...page.matchAll(/^wayline dead-letters (\w+)/gm)].map(([, name]) => name as string));
  expect([...names].sort()).toEqual(['causes', 'discard', 'list', 'replay', 'show']);
});
