import { afterEach, describe, expect, test } from '@jest/globals';
import { type ApiDescription, describeApi, type Role } from '@wayline/contracts/api';
import { type AnswerToCheck, Closers, createApiChecker, describedRoutes } from '@wayline/testkit';
import { createDescriptionRouter } from '../src/serving/description-router.ts';
import { createHttpApp, createStartingApp } from '../src/serving/http-app.ts';
import { startHttpServer } from '../src/serving/http-server.ts';
import { createReadiness } from '../src/serving/readiness.ts';

const ROLES: readonly Role[] = ['ingest', 'query', 'worker'];
const logger = { debug: () => {}, info: () => {}, error: () => {} };
const closers = new Closers();
let nowMs = Date.parse('2026-11-20T12:00:00.000Z');
let isReady = true;

afterEach(() => closers.closeAll());

async function start(listener: Parameters<typeof startHttpServer>[0]['listener']): Promise<string> {
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, listener });
  closers.add(() => server.drain(0));
  return server.url;
}

function appOf(roles: readonly Role[]) {
  const check = async () => {
    if (!isReady) throw new Error('away');
  };
  const routers = [createDescriptionRouter({ roles, version: '1.2.3', now: () => nowMs })];
  let askedMs = 0;
  // Each look is a new one.
  const readiness = createReadiness([{ name: 'log', check }], () => (askedMs += 10_000));
  return createHttpApp({ routers, readiness, logger });
}

async function get(url: string, path: string): Promise<AnswerToCheck & { type: string | null }> {
  const response = await fetch(url + path);
  const { status, headers } = response;
  return { method: 'GET', path, status, headers, text: await response.text(), type: headers.get('content-type') };
}

describe('C8: what every role serves in front of its own', () => {
  test.each(ROLES.map((role) => ({ role })))('$role describes itself, and is as it says', async ({ role }) => {
    const url = await start(appOf([role]));
    const { text, headers } = await get(url, '/openapi.json');
    const description = JSON.parse(text) as ApiDescription;
    expect(description).toEqual(JSON.parse(JSON.stringify(describeApi({ roles: [role], version: '1.2.3', nowMs }))));
    // Open to pages that show descriptions: it is for all.
    expect(headers.get('access-control-allow-origin')).toBe('*');
    const { check, unseen } = createApiChecker(description);
    const own = describedRoutes(description).filter((route) => /^GET \/(livez|readyz|openapi\.json|docs)$/.test(route));
    expect(own).toHaveLength(4);
    for (const route of own) check(await get(url, route.slice('GET '.length)));
    isReady = false;
    const notReady = await get(url, '/readyz');
    isReady = true;
    expect(notReady.status).toBe(503);
    check(notReady);
    const starting = await start(createStartingApp(logger));
    for (const route of own) check(await get(starting, route.slice('GET '.length)));
    const left = unseen().filter((each) => /^(livez|readyz|openapi|docs) /.test(each));
    // Those two are of the server, and of faults.
    expect(left.filter((each) => !/ (internal|overloaded)$| 500|^livez 503/.test(each))).toEqual([]);
  });

  test('is made anew each hour, so that the times in its examples may be written', async () => {
    const url = await start(appOf(ROLES));
    const examples = async () => (await get(url, '/openapi.json')).text;
    const first = await examples();
    expect(first).toContain('2026-11-20T12:00:00.000Z');
    nowMs += 3_599_000;
    expect(await examples()).toBe(first);
    nowMs += 1_000;
    expect(await examples()).toContain('2026-11-20T13:00:00.000Z');
  });

  test('the page may load nothing from elsewhere, and gives no more than its files', async () => {
    const url = await start(appOf(ROLES));
    const page = await get(url, '/docs');
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    const named = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path as string);
    expect(named).toHaveLength(4);
    for (const path of named) {
      const file = await get(url, path);
      expect({ path, status: file.status, policy: file.headers.has('content-security-policy') }).toEqual({
        ...{ path, status: 200, policy: true },
      });
    }
    for (const path of ['/docs/index.html', '/docs/..%2fpackage.json', '/docs/package.json', '/docs/swagger-ui.js']) {
      expect((await get(url, path)).status).toBe(404);
    }
  });

  test('whoever comes while it starts is told to come again, whatever is asked for', async () => {
    const url = await start(createStartingApp(logger));
    const { check } = createApiChecker(describeApi({ roles: ROLES, version: '1', nowMs }));
    for (const path of ['/v1/sessions', '/v1/ledger', '/v1/tail', '/metrics/latest', '/api/events/a/b']) {
      const answer = await get(url, path);
      expect(answer).toMatchObject({ status: 503, type: 'application/problem+json' });
      check(answer);
    }
  });
});
