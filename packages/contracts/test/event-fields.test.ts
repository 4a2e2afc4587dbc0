import { describe, expect, test } from '@jest/globals';
import { createEventValidator, eventSchema } from '@wayline/contracts';

const { validate } = createEventValidator();
const minimal = { sessionId: 's-1', type: 'click' };
const withField = (name: string, value: unknown) => ({ ...minimal, [name]: value });
const withSource = (members: object) => withField('source', { kind: 'app', name: 'shop', ...members });
const codesOf = (event: unknown) => validate(event).map(({ pointer, code }) => `${code} ${pointer}`);

/** Two UTF-16 code units and four UTF-8 bytes, but one code point. */
const ASTRAL = '𝕏';

describe('the shape of an event', () => {
  test('a session and a type are enough', () => {
    expect(validate(minimal)).toEqual([]);
  });

  test('every field of the contract is accepted together', () => {
    const full = {
      ...minimal,
      eventId: '01890a5d-ac96-774b-bcce-b302099a8057',
      namespace: 'frontend',
      occurredAt: '2026-01-05T12:00:00.000Z',
      userId: 'u-1',
      anonymousId: 'a-1',
      machineId: 'm-1',
      platform: 'web',
      source: { kind: 'app', name: 'shop', version: '1.2.3', instance: 'i-1' },
      target: 'button',
      page: '/cart',
      referrer: 'https://example.org/',
      userAgent: 'Mozilla/5.0',
      value: 1.5,
      seq: 0,
      context: { any: ['thing', null, true, { at: 'all' }] },
    };
    expect(validate(full)).toEqual([]);
    expect(Object.keys(full).sort()).toEqual(Object.keys(eventSchema.properties).sort());
  });

  test.each([[null], [undefined], ['text'], [1], [true], [[]], [[minimal]]])('%j is no event', (value) => {
    expect(codesOf(value)).toEqual(['not_an_object ']);
  });

  test.each(['sessionId', 'type'])('%s is required, and all that is missing is told at once', (name) => {
    expect(codesOf({ ...minimal, [name]: undefined })).toEqual([`missing_field /${name}`]);
    expect(codesOf({ ...minimal, [name]: null })).toEqual([`wrong_type /${name}`]);
    expect(codesOf({})).toEqual(['missing_field /sessionId', 'missing_field /type']);
  });

  test('null is not the same as absent', () => {
    for (const name of Object.keys(eventSchema.properties)) {
      expect(codesOf(withField(name, null))).toContain(`wrong_type /${name}`);
    }
  });
});

describe('unknown fields are refused with their path', () => {
  test.each([
    ['sesionId', '/sesionId'],
    ['SessionId', '/SessionId'],
    ['a/b~c', '/a~1b~0c'],
    ['constructor', '/constructor'],
    ['toString', '/toString'],
    ['', '/'],
  ])('%j at the top', (name, pointer) => {
    expect(codesOf(withField(name, 1))).toEqual([`unknown_field ${pointer}`]);
  });

  test('in `source`', () => {
    expect(codesOf(withSource({ versoin: '1' }))).toEqual(['unknown_field /source/versoin']);
    expect(validate(withSource({ versoin: '1' }))[0]?.message).toBe('`versoin` is not a field of `source`');
  });

  test('`__proto__`, which JSON.parse makes an ordinary field, at the top and in `source`', () => {
    expect(codesOf(JSON.parse('{"sessionId":"s","type":"t","__proto__":{"seq":"x"}}'))).toEqual([
      'unknown_field /__proto__',
    ]);
    expect(codesOf(JSON.parse('{"__proto__":{"sessionId":"s","type":"t"}}'))).toContain('missing_field /sessionId');
    expect(
      codesOf(JSON.parse('{"sessionId":"s","type":"t","source":{"kind":"app","name":"n","__proto__":{}}}')),
    ).toEqual(['unknown_field /source/__proto__']);
  });

  test('but anything goes in `context`', () => {
    expect(validate(withField('context', JSON.parse('{"__proto__":{"a":1},"constructor":2,"":3,"a/b":4}')))).toEqual(
      [],
    );
  });

  test('an answer never outgrows its request: names are cut, and errors are at most ten', () => {
    const long = 'n'.repeat(100_000);
    const [error] = validate(withField(long, 1));
    expect(error?.pointer).toBe(`/${'n'.repeat(128)}…`);
    expect(error?.message.length).toBeLessThan(250);
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, i]));
    expect(validate({ ...minimal, ...many(50) })).toHaveLength(10);
    expect(validate({ ...minimal, ...many(100_000) })).toEqual([
      expect.objectContaining({ code: 'unknown_field', pointer: '/f0' }),
    ]);
    expect(validate(withSource(many(100_000)))).toHaveLength(1);
  });

  test('after a large wrong event, a small one gets its own errors', () => {
    validate({ ...minimal, typo: 1 });
    const large = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`g${i}`, i]));
    expect(codesOf({ ...minimal, ...large })).toEqual(['unknown_field /g0']);
    expect(codesOf({ ...minimal, seq: 'x' })).toEqual(['wrong_type /seq']);
  });
});

describe('lengths count code points', () => {
  const limits: [string, number][] = [
    ['sessionId', 256],
    ['type', 256],
    ['namespace', 128],
    ['userId', 256],
    ['anonymousId', 256],
    ['machineId', 256],
    ['target', 512],
    ['page', 2048],
    ['referrer', 2048],
    ['userAgent', 512],
  ];
  test.each(limits)('%s may have %d, also of astral characters', (name, limit) => {
    expect(codesOf(withField(name, 'x'.repeat(limit)))).toEqual([]);
    expect(codesOf(withField(name, ASTRAL.repeat(limit)))).toEqual([]);
    expect(codesOf(withField(name, 'x'.repeat(limit + 1)))).toEqual([`too_long /${name}`]);
    expect(codesOf(withField(name, ASTRAL.repeat(limit + 1)))).toEqual([`too_long /${name}`]);
    expect(validate(withField(name, 'x'.repeat(limit + 1)))[0]?.message).toBe(
      `must be at most ${limit} code points long`,
    );
  });

  test.each([
    ['name', 128],
    ['version', 64],
    ['instance', 64],
  ])('source.%s may have %d', (name, limit) => {
    expect(codesOf(withSource({ [name]: ASTRAL.repeat(limit) }))).toEqual([]);
    expect(codesOf(withSource({ [name]: ASTRAL.repeat(limit + 1) }))).toEqual([`too_long /source/${name}`]);
  });

  test.each(['sessionId', 'type', 'namespace'])('%s may not be empty', (name) => {
    expect(codesOf(withField(name, ''))).toEqual([`too_short /${name}`]);
  });

  test.each(['userId', 'anonymousId', 'machineId', 'target', 'page', 'referrer', 'userAgent'])(
    '%s may be empty',
    (name) => expect(codesOf(withField(name, ''))).toEqual([]),
  );
});

describe('values', () => {
  test.each([
    '01890a5d-ac96-774b-bcce-b302099a8057',
    '01890A5D-AC96-774B-BCCE-B302099A8057',
    '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    '00000000-0000-0000-0000-000000000000',
  ])('eventId may be the UUID %s', (eventId) => expect(codesOf(withField('eventId', eventId))).toEqual([]));

  test.each([
    '',
    'x',
    '01890a5dac96774bbcceb302099a8057',
    '{01890a5d-ac96-774b-bcce-b302099a8057}',
    'urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057',
    '01890a5d-ac96-774b-bcce-b302099a805',
    '01890a5d-ac96-774b-bcce-b302099a805g',
    '01890a5d-ac96-774b-bcce-b302099a8057\n',
  ])('eventId may not be %j', (eventId) =>
    expect(codesOf(withField('eventId', eventId))).toEqual(['invalid_format /eventId']),
  );

  test.each(['web', 'mobile', 'desktop', 'embedded', 'server'])('platform may be %s', (platform) =>
    expect(codesOf(withField('platform', platform))).toEqual([]),
  );

  test('platform may be nothing else, and the message names what is allowed', () => {
    expect(validate(withField('platform', 'Web'))).toEqual([
      {
        pointer: '/platform',
        code: 'not_allowed',
        message: 'must be one of web, mobile, desktop, embedded, server',
      },
    ]);
  });

  test('source needs a kind, app or microservice, and a name', () => {
    expect(codesOf(withField('source', { kind: 'microservice', name: 'orders' }))).toEqual([]);
    expect(codesOf(withField('source', { kind: 'service', name: 'orders' }))).toEqual(['not_allowed /source/kind']);
    expect(codesOf(withField('source', {}))).toEqual(['missing_field /source/kind', 'missing_field /source/name']);
    expect(codesOf(withField('source', 'orders'))).toEqual(['wrong_type /source']);
    expect(codesOf(withField('source', [1]))).toEqual(['wrong_type /source']);
  });

  test('value is any finite number', () => {
    for (const value of [0, -0, -1.5, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE]) {
      expect(codesOf(withField('value', value))).toEqual([]);
    }
    expect(codesOf(withField('value', '1'))).toEqual(['wrong_type /value']);
    expect(codesOf(withField('value', JSON.parse('1e999')))).toEqual(['number_out_of_range /value']);
  });

  test('seq is an integer from 0 that a double keeps exactly', () => {
    for (const seq of [0, 1, 1.0, 2 ** 53 - 1]) expect(codesOf(withField('seq', seq))).toEqual([]);
    expect(codesOf(withField('seq', -1))).toEqual(['out_of_range /seq']);
    expect(codesOf(withField('seq', 2 ** 53))).toEqual(['out_of_range /seq']);
    expect(codesOf(withField('seq', 1.5))).toEqual(['wrong_type /seq']);
  });

  test('context is an object', () => {
    expect(codesOf(withField('context', {}))).toEqual([]);
    expect(codesOf(withField('context', []))).toEqual(['wrong_type /context']);
    expect(codesOf(withField('context', 'x'))).toEqual(['wrong_type /context']);
  });

  test('all errors of an event are told, not only the first', () => {
    expect(codesOf({ type: '', platform: 'tv', typo: 1 }).sort()).toEqual([
      'missing_field /sessionId',
      'not_allowed /platform',
      'too_short /type',
      'unknown_field /typo',
    ]);
  });
});

describe('occurredAt', () => {
  test.each([
    '2026-01-05T12:00:00Z',
    '2026-01-05t12:00:00.123456789z',
    '2026-01-05 12:00:00+05:30',
    1_767_614_400_000,
    0,
    -1,
    1_767_614_400_000.75,
    -62_167_219_200_000,
    253_402_300_799_999,
  ])('may be %j', (occurredAt) => expect(codesOf(withField('occurredAt', occurredAt))).toEqual([]));

  test.each(['2026-01-05', '2026-01-05T12:00:00', '1767614400000', 'now', ''])('may not be the text %j', (occurredAt) =>
    expect(codesOf(withField('occurredAt', occurredAt))).toEqual(['invalid_format /occurredAt']),
  );

  test.each([1e300, -1e300, 253_402_300_800_000, -62_167_219_200_001, '0000-01-01T00:00:00+00:01'])(
    'may not lie outside the years that can be written: %j',
    (occurredAt) => expect(codesOf(withField('occurredAt', occurredAt))).toEqual(['out_of_range /occurredAt']),
  );

  test.each([true, {}, []])('may not be %j', (occurredAt) =>
    expect(validate(withField('occurredAt', occurredAt))).toEqual([
      { pointer: '/occurredAt', code: 'wrong_type', message: 'must be of type string or number' },
    ]),
  );
});
