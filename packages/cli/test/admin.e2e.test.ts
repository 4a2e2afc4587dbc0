import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createVerifier } from '@wayline/identity/verify';
import { createPool } from '@wayline/store';
import { createTestDatabase, runWayline, type TestDatabase } from '@wayline/testkit';
import { readSecrets } from '../src/secrets.ts';

let folder: string;
let database: TestDatabase;
let environment: Record<string, string>;

const wayline = (...args: string[]) => runWayline(args, { env: environment, cwd: folder });
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await wayline(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-admin-'));
  database = await createTestDatabase();
  environment = { DATABASE_URL: database.url, WAYLINE_SECRET_FILE: join(folder, 'secrets.json'), LOG_LEVEL: 'warn' };
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

// The tests of this file build on one another, as the commands do.
describe('admin commands, in the order of setting up', () => {
  test('create-secret makes a file that only its owner can read, and leaves it alone the next time', async () => {
    expect(await json('admin', 'create-secret', 'secrets.json')).toEqual({
      file: join(folder, 'secrets.json'),
      made: true,
    });
    expect((await stat(join(folder, 'secrets.json'))).mode & 0o777).toBe(0o600);
    expect(await json('admin', 'create-secret', 'secrets.json')).toMatchObject({ made: false });
  });

  test('before the migrations every command says that they are missing', async () => {
    const { code, stderr } = await wayline('admin', 'create-project', 'shop');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'wayline: The database schema is older than this program; run `wayline migrate` first.',
    });
  });

  test('O3: migrate goes forward, finds nothing to do the second time, and goes back and forward again', async () => {
    expect((await wayline('migrate')).stdout).toMatch(/^Applied: 0001_/);
    expect((await wayline('migrate')).stdout).toMatch(/nothing to do/);
    expect((await wayline('migrate', '--down', '1')).stdout).toMatch(/^Taken back: /);
    expect(await wayline('migrate')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Applied: /) });
  });

  test('create-project, create-key and create-token make what the verifier takes for genuine', async () => {
    const project = await json('admin', 'create-project', 'shop', '--name', 'The shop');
    expect(project).toEqual({ id: expect.any(Number), slug: 'shop', name: 'The shop' });
    const verifier = createVerifier({ secrets: await readSecrets(join(folder, 'secrets.json'), () => undefined) });

    const { key } = await json('admin', 'create-key', '--project', 'shop', '--name', 'web', '--allow-import');
    expect(verifier.writeKey(key)).toMatchObject({ projectId: project.id, allowImport: true });
    const plain = await wayline('admin', 'create-key', '--project', 'shop');
    expect(verifier.writeKey(plain.stdout)).toMatchObject({ projectId: project.id, allowImport: false });

    const made = await json('admin', 'create-token', '--project', 'shop', '--scopes', 'read,admin', '--expires', '12h');
    const principal = await verifier.authenticate(made.token);
    expect(principal).toMatchObject({ kind: 'token', projectId: project.id, allowImport: false });
    expect([...principal.scopes]).toEqual(['read', 'admin']);
    const hours = (Date.parse(made.expiresAt) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(11.9);
    expect(hours).toBeLessThanOrEqual(12);
  });

  test('set-project and set-key change what is named, and show it; list-keys and revoke-key tell of keys', async () => {
    const origins = 'https://shop.example, https://*.shop.example';
    const limits = ['--requests-per-second', '50', '--events-per-second', '0.5', '--body-bytes', '100000'];
    const days = ['--retention-days', '365', '--past-days', '30', '--allow-traits', 'on'];
    expect(await json('admin', 'set-project', 'shop', '--origins', origins, ...limits, ...days)).toEqual({
      project: 'shop',
      slug: 'shop',
      name: 'The shop',
      origins: ['https://shop.example', 'https://*.shop.example'],
      requestsPerSecond: 50,
      eventsPerSecond: 0.5,
      bodyBytes: 100_000,
      retentionDays: 365,
      pastDays: 30,
      allowTraits: true,
    });
    await json(
      'admin',
      'set-project',
      'shop',
      '--origins',
      'any',
      '--past-days',
      'none',
      '--allow-traits',
      'none',
      '--disable',
    );
    const shown = await json('admin', 'set-project', 'shop');
    expect(shown).toMatchObject({ retentionDays: 365, disabledAt: expect.any(Number) });
    expect(shown).not.toHaveProperty('origins');
    expect(shown).not.toHaveProperty('allowTraits');
    expect((await wayline('admin', 'set-project', 'shop', '--enable')).stdout).toMatch(
      /^Set; it works within a minute/,
    );

    const [, key] = (await json('admin', 'list-keys', '--project', 'shop')).keys;
    expect(key).toMatchObject({ name: 'web', allowImport: true, revokedAt: null });
    expect(await json('admin', 'set-key', key.keyId, '--events-per-second', '9')).toEqual({
      keyId: key.keyId,
      name: 'web',
      eventsPerSecond: 9,
    });
    const { stdout } = await wayline('admin', 'revoke-key', key.keyId, '--project', 'shop');
    expect(stdout).toBe(`Key ${key.keyId} (web) is revoked; within a minute it is refused everywhere.`);
    const again = await json('admin', 'revoke-key', key.keyId);
    expect(await json('admin', 'list-keys', '--project', 'shop')).toMatchObject({
      keys: [{ revokedAt: null }, { revokedAt: again.revokedAt }],
    });
    const lines = (await wayline('admin', 'list-keys', '--project', 'shop')).stdout.split('\n');
    expect(lines.map((line) => /revoked|valid/.exec(line)?.[0])).toEqual(['valid', 'revoked']);
  });

  test.each([
    [
      ['set-project', 'shop', '--retention-days', 'long'],
      '--retention-days must be a number or "none", which "long" is not.',
    ],
    [
      ['set-project', 'shop', '--retention-days', '0'],
      'retentionDays must be a whole number from 1 to 36500, which 0 is not.',
    ],
    [['set-project', 'shop', '--origins', 'shop.example'], /^"shop.example" is no origin/],
    [['set-project', 'shop', '--enable', '--disable'], '--enable and --disable cannot be given together.'],
    [['set-project', 'nowhere', '--past-days', '3'], /^There is no project "nowhere"/],
    [['set-key', 'nothing', '--body-bytes', '5000'], /^There is no write key "nothing"/],
    [['revoke-key', 'nothing'], /^There is no write key "nothing"/],
    [['create-project', 'shop'], 'There is a project "shop" already.'],
    [['create-project', 'The Shop'], /^A project's slug is 1 to 63 lower-case letters/],
    [['create-key', '--project', 'nowhere'], /^There is no project "nowhere"/],
    [
      ['create-token', '--project', 'shop', '--scopes', 'read,all'],
      '--scopes must be of write, read, aggregation, admin; not: all.',
    ],
    [
      ['create-token', '--project', 'shop', '--scopes', 'read', '--expires', 'soon'],
      /^A duration is a whole number and/,
    ],
  ])('wrong usage gets one sentence and exit code 2: %j', async (args, sentence) => {
    const { code, stdout, stderr } = await wayline('admin', ...args);
    expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({ code: 2, stdout: '', lines: 1 });
    expect(stderr.replace(/^wayline: /, '')).toEqual(
      typeof sentence === 'string' ? sentence : expect.stringMatching(sentence),
    );
  });

  test.each([
    ['a port where nothing listens', 'postgres://w@127.0.0.1:9/w', 'cannot be reached'],
    ['a database that is not there', () => database.url.replace(/\/wayline_test_[^?]*/, '/nowhere'), 'nowhere'],
  ])('%s in DATABASE_URL gets one sentence and exit code 2', async (_what, url, words) => {
    environment = { ...environment, DATABASE_URL: typeof url === 'string' ? url : url() };
    const { code, stderr } = await wayline('migrate');
    environment = { ...environment, DATABASE_URL: database.url };
    expect({ code, lines: stderr.split('\n').length }).toEqual({ code: 2, lines: 1 });
    expect(stderr).toContain(words);
  });

  test('O10: a schema newer than the program stops every command that needs it with exit code 3', async () => {
    const pool = createPool({ url: database.url, max: 1, applicationName: 'a newer program' });
    await pool.query("INSERT INTO pgmigrations (name, run_on) VALUES ('9999_from-the-future', now())");
    await pool.end();
    for (const args of [['migrate'], ['admin', 'create-key', '--project', 'shop']]) {
      const { code, stderr } = await wayline(...args);
      expect({ args, code, lines: stderr.split('\n').length }).toEqual({ args, code: 3, lines: 1 });
      expect(stderr).toContain('9999_from-the-future');
    }
  });

  test('without a database or a running `all`, it is said what to do', async () => {
    const { code, stderr } = await runWayline(['admin', 'create-project', 'x'], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^wayline: There is no database to work on: set DATABASE_URL, or start `wayline all`/);
  });
});
