import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { clientSettings, tokenSettings } from '../src/client-settings.ts';
import { loadConfig } from '../src/config.ts';
import { writeDevFile } from '../src/dev-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-client-'));
});
afterEach(() => rm(folder, { recursive: true }));

const DEV = {
  url: 'http://127.0.0.1:4000',
  dashboardUrl: 'http://127.0.0.1:4000/',
  project: 'default',
  writeKey: 'wlk_dev',
  token: 'token',
};

const settings = (environment: Record<string, string>) =>
  clientSettings(loadConfig('import', { WAYLINE_DATA_DIR: folder, ...environment }));

test('come from dev.json where nothing is set', async () => {
  await writeDevFile(join(folder, 'dev.json'), DEV);
  expect(await settings({})).toEqual({ url: DEV.url, credential: 'wlk_dev' });
});

test('come from the environment before dev.json', async () => {
  await writeDevFile(join(folder, 'dev.json'), DEV);
  const given = { WAYLINE_URL: 'https://wayline.example/', WAYLINE_KEY: 'wlk_mine' };
  expect(await settings(given)).toEqual({ url: 'https://wayline.example', credential: 'wlk_mine' });
  expect(await settings({ WAYLINE_TOKEN: 'mine' })).toEqual({ url: DEV.url, credential: 'mine' });
});

test('never send the key of dev.json to another address', async () => {
  await writeDevFile(join(folder, 'dev.json'), DEV);
  await expect(settings({ WAYLINE_URL: 'https://elsewhere.example' })).rejects.toThrow(/^Set WAYLINE_KEY/);
});

test('are missed with a sentence that says what to do', async () => {
  await expect(settings({})).rejects.toThrow(/set WAYLINE_URL and WAYLINE_KEY, or start `wayline all`/);
});

describe('of commands that administer', () => {
  const settingsOf = (environment: Record<string, string>) =>
    tokenSettings(loadConfig('dead-letters', { WAYLINE_DATA_DIR: folder, ...environment }));

  test('are WAYLINE_TOKEN, else the token of dev.json, and never a key', async () => {
    await writeDevFile(join(folder, 'dev.json'), DEV);
    expect(await settingsOf({ WAYLINE_KEY: 'wlk_mine' })).toEqual({ url: DEV.url, credential: 'token' });
    expect(await settingsOf({ WAYLINE_TOKEN: 'mine' })).toEqual({ url: DEV.url, credential: 'mine' });
  });

  test('never send the token of dev.json to another address', async () => {
    await writeDevFile(join(folder, 'dev.json'), DEV);
    await expect(settingsOf({ WAYLINE_URL: 'https://elsewhere.example' })).rejects.toThrow(/^Set WAYLINE_TOKEN/);
  });
});
