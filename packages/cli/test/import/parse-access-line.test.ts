import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type AccessLine, parseAccessLine } from '../../src/import/parse-access-line.ts';

const example = gunzipSync(readFileSync(new URL('../../../../examples/apache_access.log.gz', import.meta.url)))
  .toString('latin1')
  .split('\n');
const exampleLine = (number: number) => parseAccessLine(example[number - 1] as string) as AccessLine;

const HEAD = '192.0.2.7 - - [17/May/2015:10:05:03 +0000]';
const parse = (rest: string) => parseAccessLine(`${HEAD} ${rest}`) as AccessLine;
const latin1 = (text: string) => Buffer.from(text).toString('latin1');

describe('lines of the example', () => {
  test('an ordinary one', () => {
    expect(exampleLine(1)).toEqual({
      address: '83.149.9.216',
      timeMs: Date.UTC(2015, 4, 17, 10, 5, 3),
      method: 'GET',
      path: '/presentations/logstash-monitorama-2013/images/kibana-search.png',
      protocol: 'HTTP/1.1',
      status: 200,
      bytes: 203023,
      referrer: 'http://semicomplete.com/presentations/logstash-monitorama-2013/',
      userAgent:
        'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36',
    });
  });

  test('8899, which ends inside its agent, is taken as far as it goes', () => {
    expect(exampleLine(8899)).toMatchObject({
      path: '/scripts/grok-py-test/configlib.py',
      status: 200,
      bytes: 235,
      referrer: undefined,
      userAgent: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html',
    });
  });

  test('5851, whose referrer has escaped bytes that are no UTF-8, keeps them as Latin-1', () => {
    expect(exampleLine(5851)).toMatchObject({
      referrer: 'http://\xe4\xe5\xe3\xf2\xff\xf0\xed\xee\xe5-\xec\xfb\xeb\xee.\xf0\xf4/',
      userAgent: 'Mozilla/5.0 (Windows NT 6.1; rv:11.0) Gecko/20100101 Firefox/11.0',
    });
  });
});

describe('odd lines', () => {
  test('what is written as - is absent, but for the bytes, where Apache means none', () => {
    const line = parse('"-" 408 - "-" "-"');
    expect(line).toEqual({ address: '192.0.2.7', timeMs: expect.any(Number), status: 408, bytes: 0 });
  });

  test('escaped quotes, backslashes and bytes are read in requests, referrers and agents', () => {
    expect(
      parse(String.raw`"GET /a\"b HTTP/1.1" 200 5 "http://x/\"q\" \\ y" "say \"hi\" \xc3\xa9 \x22nginx\x22 \t."`),
    ).toMatchObject({
      path: '/a"b',
      referrer: 'http://x/"q" \\ y',
      userAgent: 'say "hi" é "nginx" \t.',
    });
  });

  test('quotes that nobody escaped do not end a field before its time', () => {
    expect(parse('"GET /a"b" HTTP/1.1" 404 0 "http://x/"y" z" "an "odd"agent"')).toMatchObject({
      path: '/a"b"',
      status: 404,
      referrer: 'http://x/"y" z',
      userAgent: 'an "odd"agent',
    });
  });

  test('an agent that ends with a backslash runs to the end of the line, not away', () => {
    expect(parse(String.raw`"GET / HTTP/1.1" 200 5 "-" "bad\"`).userAgent).toBe('bad"');
  });

  test.each([
    ['"GET /fo', { method: 'GET', path: '/fo', status: undefined }],
    ['"GET / HTTP/1.1"', { path: '/', status: undefined, bytes: undefined }],
    ['"GET / HTTP/1.1" 200', { status: 200, bytes: undefined }],
    ['"GET / HTTP/1.1" 200 17', { bytes: 17, referrer: undefined }],
    ['"GET / HTTP/1.1" 200 17 "http://exam', { referrer: 'http://exam', userAgent: undefined }],
    ['"GET / HTTP/1.1" 200 17 "-" ', { bytes: 17, referrer: undefined, userAgent: undefined }],
  ])('a line cut off is taken as far as it goes: %s', (rest, expected) => {
    expect(parse(rest)).toMatchObject(Object.fromEntries(Object.entries(expected).filter(([, value]) => value)));
    for (const [name, value] of Object.entries(expected)) expect(parse(rest)[name as keyof AccessLine]).toBe(value);
  });

  test.each([
    ['"GET /a b c HTTP/1.1"', { method: 'GET', path: '/a b c', protocol: 'HTTP/1.1' }],
    ['"GET /old"', { method: 'GET', path: '/old', protocol: undefined }],
    ['"CONNECT example.org:443 HTTP/2"', { method: 'CONNECT', path: 'example.org:443', protocol: 'HTTP/2' }],
    ['"OPTIONS * HTTP/1.0"', { method: 'OPTIONS', path: '*' }],
    [String.raw`"\x16\x03\x01\x02"`, { oddRequest: '\x16\x03\x01\x02', method: undefined, path: undefined }],
    ['"hello world"', { oddRequest: 'hello world', path: undefined }],
    ['"GET"', { oddRequest: 'GET', method: undefined }],
    ['"GET HTTP/1.1"', { oddRequest: 'GET HTTP/1.1', path: undefined }],
    ['""', { oddRequest: undefined, path: undefined }],
  ])('a request line of any kind: %s', (request, expected) => {
    const line = parse(`${request} 400 226 "-" "agent"`);
    expect(line).toMatchObject({ status: 400, userAgent: 'agent' });
    for (const [name, value] of Object.entries(expected)) expect(line[name as keyof AccessLine]).toBe(value);
  });

  test('addresses of IPv6, host names, and users with spaces and brackets', () => {
    const rest = '[17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-"';
    expect(parseAccessLine(`2001:db8::7 - - ${rest}`)).toMatchObject({ address: '2001:db8::7', path: '/' });
    expect(parseAccessLine(`host.example.org - jo [ van ${rest}`)).toMatchObject({
      address: 'host.example.org',
      path: '/',
    });
    expect(parseAccessLine(`192.0.2.7 ${rest}`)).toMatchObject({ address: '192.0.2.7', path: '/' });
  });

  test('times have the zone of the line, and must exist', () => {
    const at = (time: string) => parseAccessLine(`192.0.2.7 - - [${time}] "GET / HTTP/1.1" 200 1 "-" "-"`);
    expect(at('01/Jan/2020:00:30:00 +0200')).toMatchObject({ timeMs: Date.UTC(2019, 11, 31, 22, 30) });
    expect(at('29/feb/2020:23:59:59 -0330')).toMatchObject({ timeMs: Date.UTC(2020, 2, 1, 3, 29, 59) });
    for (const time of ['29/Feb/2019:00:00:00 +0000', '01/Foo/2019:00:00:00 +0000', '01/Jan/2019:24:00:00 +0000']) {
      expect(at(time)).toMatchObject({ code: 'invalid_format', message: expect.stringContaining('does not exist') });
    }
  });

  test('UTF-8 is read as such, other bytes as Latin-1, NUL stays escaped', () => {
    const agent = (text: string) => parse(`"GET / HTTP/1.1" 200 1 "-" "${text}"`).userAgent;
    expect(agent(latin1('naïve 😀'))).toBe('naïve 😀');
    expect(agent('na\xefve')).toBe('naïve');
    expect(agent('a\0b\\x00c')).toBe('a\\x00b\\x00c');
  });

  test('fields after the agent are passed over', () => {
    expect(parse('"GET / HTTP/1.1" 200 1 "-" "agent" "203.0.113.9" 0.002').userAgent).toBe('agent');
  });

  test.each([
    ['', 'must begin with'],
    ['{"sessionId":"s"}', 'must begin with'],
    ['192.0.2.7 - - "GET / HTTP/1.1" 200 1', 'must begin with'],
    [`${HEAD}`, 'a quoted request is expected'],
    [`${HEAD} 200 17 "GET / HTTP/1.1"`, 'a quoted request is expected'],
    [`${HEAD} "GET / HTTP/1.1" 0.002 200 17 "-" "-"`, 'a status is expected'],
  ])('another format is refused with a reason: %s', (line, message) => {
    expect(parseAccessLine(line)).toEqual({
      pointer: '',
      code: 'invalid_format',
      message: expect.stringContaining(message),
    });
  });

  test('no line takes long, or throws, whatever is in it', () => {
    const piece = fc.constantFrom(
      '"',
      '\\',
      ' ',
      '[',
      ']',
      '-',
      '\\x',
      '0',
      'a',
      '\t',
      '" 200',
      HEAD,
      '"GET ',
      'HTTP/1.1',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        parseAccessLine(`${HEAD} "${pieces.join('')}`);
        parseAccessLine(pieces.join(''));
      }),
    );
    const began = performance.now();
    for (const filler of [' ', '"', '\\', '" ', ' [', '" 2']) {
      const long = filler.repeat(100_000);
      for (const line of [long, `${HEAD} "GET ${long}`, `${HEAD} "GET /${long} HTTP/1.1" 200 1 "${long}" "${long}`]) {
        parseAccessLine(line);
      }
    }
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
