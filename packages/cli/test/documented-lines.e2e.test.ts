import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { documentedBlocks } from '@wayline/testkit';
import { type AllInOne, bash, createAllInOne, type Running } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('the lines of the documentation work as they are printed, against wayline all', () => {
  let all: AllInOne;
  let running: Running;

  beforeAll(async () => {
    all = await createAllInOne();
    running = await all.start();
    // The folder looks as that of a user does who has typed `npm start` there.
    await symlink(all.dataDir, join(all.folder, '.wayline'));
    for (const name of ['node_modules', 'examples', 'package.json'])
      await symlink(join(ROOT, name), join(all.folder, name));
  }, 60_000);
  afterAll(() => all.close());

  /** But for the port. */
  const run = (blocks: readonly string[]): Promise<string> =>
    bash(blocks.join('\n').replaceAll('http://127.0.0.1:4000', running.dev.url), all.folder);
  const ledger = async () => {
    await nothingPending(running.dev.url, running.dev.token);
    const headers = { authorization: `Bearer ${running.dev.token}` };
    const answer = await fetch(`${running.dev.url}/v1/ledger`, { headers });
    const { hours } = (await answer.json()) as { hours: { stored: number; deadLettered: number }[] };
    const sum = (name: 'stored' | 'deadLettered') => hours.reduce((total, hour) => total + hour[name], 0);
    return { stored: sum('stored'), deadLettered: sum('deadLettered') };
  };

  test('README.md, first steps', async () => {
    const [steps] = (await documentedBlocks('README.md')).filter((block) => block.includes('/v1/events'));
    const printed = await run([steps as string]);
    const [sent, events, navigation] = printed.split('\n');
    expect(JSON.parse(sent as string)).toMatchObject({ accepted: 2, rejected: [] });
    expect(JSON.parse(events as string).events).toHaveLength(2);
    expect(JSON.parse(navigation as string).hops).toMatchObject([{ from: 'shop', to: 'checkout' }]);
    expect(printed).not.toContain('retryable');
    expect(await ledger()).toEqual({ stored: 10_002, deadLettered: 0 });
  }, 120_000);

  test.each([
    { page: 'docs/doors.md', adds: 8 },
    { page: 'docs/api.md', adds: 3 },
  ])(
    '$page',
    async ({ page, adds }) => {
      const before = await ledger();
      const blocks = await documentedBlocks(page);
      const [first, ...others] = blocks.filter((block) => /\bcurl\b|URL=|KEY=/.test(block));
      // What they answer is told; nothing of it is a problem.
      const printed = await run([first as string, ...others]);
      expect(printed).not.toMatch(/"retryable"|^HTTP\/1\.1 [45]/m);
      expect(await ledger()).toEqual({ stored: before.stored + adds, deadLettered: 0 });
    },
    60_000,
  );
});
