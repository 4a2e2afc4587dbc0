import { afterEach, expect, test } from '@jest/globals';
import { followTail } from '../src/follow-tail.ts';
import type { Block } from '../src/read-blocks.ts';

interface Answer {
  write(text: string): void;
  end(): void;
  destroy(): void;
}

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

/** Follows what is answered, until it ends. */
async function follow(respond: (answer: Answer, headers: Headers) => void, { status = 200, lastId = '' } = {}) {
  const blocks: Block[] = [];
  let opened = 0;
  globalThis.fetch = async (_, { signal, headers } = {}) => {
    const pieces = new TransformStream<string, string>();
    const writer = pieces.writable.getWriter();
    const destroy = () => void writer.abort(new TypeError('The network failed'));
    signal?.addEventListener('abort', destroy);
    respond(
      { write: (text) => void writer.write(text), end: () => void writer.close(), destroy },
      new Headers(headers),
    );
    return new Response(pieces.readable.pipeThrough(new TextEncoderStream()), { status });
  };
  const ended = await followTail({
    path: '/v1/tail',
    token: 'a-token',
    lastId,
    signal: new AbortController().signal,
    silenceMs: 300,
    onOpen: () => void opened++,
    onBlocks: (more) => void blocks.push(...more),
  }).catch(({ status, message }) => ({ status, message }));
  return { blocks, opened, ended };
}

/** Answers with the text, and no more. */
const whole = (text: string) => (answer: Answer) => {
  answer.write(text);
  answer.end();
};

const OPENING = 'retry: 2000\nid: a\n\n';
const bye = (problem: object) => `event: bye\ndata: ${JSON.stringify(problem)}\n\n`;

test('A10: it sends the token and the place, and hands on what comes', async () => {
  const { blocks, opened } = await follow(
    (answer, headers) =>
      whole(`${OPENING}data: ${headers.get('authorization')}, ${headers.get('last-event-id')}\n\n`)(answer),
    { lastId: 'place' },
  );
  expect(opened).toBe(1);
  expect(blocks.map(({ data }) => data)).toEqual(['', 'Bearer a-token, place']);
});

test.each([
  { why: 'the end of the token', status: 401, code: 'unauthenticated', said: 'It has expired.' },
  { why: 'a server that stops', status: 503, code: 'not_ready', said: 'It stops.' },
])('C5: goodbye of $why is handed on as it was said', async ({ status, code, said }) => {
  const { ended } = await follow(whole(OPENING + bye({ status, code, detail: said })));
  expect(ended).toEqual({ status, message: said });
});

test('C5: a reader that took too little is told what to do about it', async () => {
  const problem = { status: 503, code: 'slow_reader', detail: 'of ids, which no page shows' };
  const { ended } = await follow(whole(OPENING + bye(problem)));
  expect(ended).toEqual({ status: 503, message: 'Too much came at once; ask for less by a filter.' });
});

test('a refusal is told in the words of the server', async () => {
  const problem = JSON.stringify({ status: 403, detail: 'The token lacks the scope read.' });
  const { ended, opened } = await follow(whole(problem), { status: 403 });
  expect({ ended, opened }).toEqual({ ended: { status: 403, message: 'The token lacks the scope read.' }, opened: 0 });
});

test.each([
  { name: 'an end without a word', act: (answer: Answer) => answer.end() },
  { name: 'a broken connection', act: (answer: Answer) => void setTimeout(answer.destroy, 50) },
  // Caught: a machine that slept, or a cable that was pulled, left the page "live" for ever.
  { name: 'silence, without a sign of life', act: () => undefined },
])('$name is a connection that was lost', async ({ act }) => {
  const { ended, opened } = await follow((answer) => {
    answer.write(OPENING);
    act(answer);
  });
  expect({ ended, opened }).toEqual({
    ended: { status: 0, message: 'The connection to the server was lost.' },
    opened: 1,
  });
});
