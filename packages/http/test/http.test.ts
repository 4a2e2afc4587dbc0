import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ProblemError } from '@wayline/contracts';
import { createVerifier, formatWriteKey, type Scope, signAccessToken } from '@wayline/identity/verify';
import express, { Router } from 'express';
import {
  mediaTypeOf,
  noSuchRoute,
  principalOf,
  problemHandler,
  requestId,
  requireScope,
  servesOnly,
} from '../src/index.ts';

const SECRET = 'a-secret-of-this-test-of-40-characters-00';
const key = formatWriteKey({ projectId: 7, keyId: 'k', allowImport: false }, SECRET);
const token = (scopes: Scope[]) =>
  signAccessToken({ projectId: 7, subject: 's', scopes, expiresInSeconds: 60 }, SECRET);

let server: Server;
let url: string;
const faults: object[] = [];

beforeAll(async () => {
  const verifier = createVerifier({ secrets: [SECRET] });
  const one = Router();
  one
    .route('/things/:id')
    .post(requireScope(verifier, 'write'), (request, response) => void response.json(principalOf(request).id))
    .all(servesOnly('POST'));
  const other = Router();
  other
    .route('/things/:id')
    .get(requireScope(verifier, 'read'), (request, response) => void response.json(principalOf(request).id))
    .all(servesOnly('GET'));
  other.get('/unguarded', (request, response) => void response.json(principalOf(request).id));
  other.get('/busy', () => {
    throw new ProblemError('overloaded', 'Too much.', { retryAfterSeconds: 3 });
  });

  const app = express();
  app.use(
    requestId,
    one,
    other,
    noSuchRoute,
    problemHandler({ debug: () => {}, info: () => {}, error: (fields) => void faults.push(fields) }),
  );
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
});

const send = async (method: string, path: string, credential?: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url + path, {
    method,
    headers: { ...headers, ...(credential !== undefined && { authorization: credential }) },
  });
  return { status: response.status, headers: response.headers, body: JSON.parse((await response.text()) || 'null') };
};

describe('I1: scopes', () => {
  test('a bearer with the scope passes, and the handler knows who it is', async () => {
    expect(await send('POST', '/things/1', `Bearer ${key}`)).toMatchObject({ status: 200, body: 'k' });
    expect(await send('POST', '/things/1', `bearer   ${key} `)).toMatchObject({ status: 200 });
    expect(await send('GET', '/things/1', `Bearer ${await token(['read'])}`)).toMatchObject({ status: 200, body: 's' });
  });

  test('without the scope it is 403, which says what is missing and what is there', async () => {
    expect(await send('GET', '/things/1', `Bearer ${key}`)).toMatchObject({
      status: 403,
      body: { code: 'forbidden', detail: 'This needs the scope `read`; the key has: write.' },
    });
    expect(await send('GET', '/things/1', `Bearer ${await token([])}`)).toMatchObject({
      status: 403,
      body: { detail: 'This needs the scope `read`; the token has: none.' },
    });
  });

  test('without a credential that is genuine it is 401', async () => {
    for (const credential of [undefined, 'Bearer', `Basic ${key}`, key, `Bearer ${key} ${key}`, 'Bearer x']) {
      expect(await send('POST', '/things/1', credential)).toMatchObject({
        status: 401,
        body: { code: 'unauthenticated' },
      });
    }
  });

  test('?key= works on doors that write, and on no other', async () => {
    expect(await send('POST', `/things/1?key=${key}`)).toMatchObject({ status: 200 });
    expect(await send('GET', `/things/1?key=${await token(['read'])}`)).toMatchObject({ status: 401 });
  });
});

describe('what no route takes', () => {
  test('405 names the methods of all routers that serve the path', async () => {
    const answer = await send('DELETE', '/things/1');
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(answer.headers.get('allow')).toBe('POST, GET');
  });

  test('404 for all else', async () => {
    expect(await send('GET', '/nothing')).toMatchObject({ status: 404, body: { detail: 'There is no GET /nothing.' } });
  });

  test('400 for an address that cannot be decoded', async () => {
    expect(await send('GET', '/things/%ff')).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});

describe('answers', () => {
  test('carry the request id of the caller, or one of ours', async () => {
    expect((await send('GET', '/busy', undefined, { 'x-request-id': 'a-1' })).headers.get('x-request-id')).toBe('a-1');
    for (const id of ['', 'a b', 'x'.repeat(129), '<script>']) {
      const { headers } = await send('GET', '/busy', undefined, { 'x-request-id': id });
      expect(headers.get('x-request-id')).toMatch(/^[\w-]{12}\.[0-9a-z]+$/);
    }
  });

  test('of a problem say when to come again', async () => {
    const { status, headers, body } = await send('GET', '/busy');
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('3');
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ code: 'overloaded', retryable: true });
  });

  test('of a fault of ours show nothing of it, and log it', async () => {
    const { status, body } = await send('GET', '/unguarded', undefined, { 'x-request-id': 'req-9' });
    expect(status).toBe(500);
    expect(body.detail).toBe('Something failed on our side; it was logged as req-9.');
    expect(faults).toEqual([{ err: expect.any(Error), requestId: 'req-9', method: 'GET', path: '/unguarded' }]);
  });
});

describe('media types', () => {
  test.each([
    [undefined, ''],
    ['application/json', 'application/json'],
    ['Application/JSON; charset=UTF-8', 'application/json'],
    ['text/plain;charset="utf-8"', 'text/plain'],
    ['application/json; profile=x; charset=us-ascii', 'application/json'],
  ])('%j is %j', (header, type) => expect(mediaTypeOf(header)).toBe(type));

  test.each(['text/plain; charset=latin1', 'application/json;charset=utf-16'])('%j is not read', (header) => {
    expect(() => mediaTypeOf(header)).toThrow('UTF-8');
  });
});
