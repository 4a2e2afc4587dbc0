import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { directSubject, eventsSubject, schemaFrame, schemaIdOf } from '@wayline/contracts';
import { identifiedEvent, startSchemaRegistry, type TestSchemaRegistry } from '@wayline/testkit';
import {
  createRegistryClient,
  createSchemaCache,
  type FoundSchema,
  RegistryRefusalError,
  RegistryUnavailableError,
} from '../src/registry/index.ts';

let registry: TestSchemaRegistry;
beforeEach(async () => {
  registry = await startSchemaRegistry();
});
afterEach(() => registry.close());

const subject = directSubject();
const changed = (change: object): string => {
  const schema = JSON.parse(subject.schema) as { properties: object };
  return JSON.stringify({ ...schema, properties: { ...schema.properties, ...change } });
};

describe('registering', () => {
  test('issue 6.5: a new subject gets its rule before its first version; what it has is left as it is', async () => {
    const client = createRegistryClient({ url: registry.url });
    const id = await client.ensure(subject);
    expect(registry.schemas.levelOf(subject.name)).toBe('BACKWARD_TRANSITIVE');
    const asked = registry.requests.length;
    expect(await client.ensure(subject)).toBe(id);
    expect(registry.requests.slice(asked)).toEqual([`POST /subjects/${subject.name}`]);
    expect(await client.ensure(eventsSubject())).not.toBe(id);
  });

  test('issue 6.5, O10: a field more is a new version, and the version before it stays good', async () => {
    const client = createRegistryClient({ url: registry.url });
    const before = await client.ensure(subject);
    const after = await client.ensure({ ...subject, schema: changed({ colour: { type: 'string' } }) });
    expect(registry.schemas.versionsOf(subject.name)).toEqual([before, after]);
    expect(await client.ensure(subject)).toBe(before); // a release that was taken back
  });

  test.each([
    { what: 'a field narrower', schema: changed({ type: { type: 'string', minLength: 2, maxLength: 256 } }) },
    { what: 'a field of another type', schema: changed({ value: { type: 'string' } }) },
    { what: 'another pattern', schema: changed({ eventId: { type: 'string', pattern: 'x' } }) },
  ])('issue 6.5: $what is refused with a sentence, and not registered', async ({ schema }) => {
    const client = createRegistryClient({ url: registry.url });
    const id = await client.ensure(subject);
    const refused = client.ensure({ ...subject, schema });
    await expect(refused).rejects.toThrow(RegistryRefusalError);
    await expect(refused).rejects.toThrow(/not compatible.*wayline\.direct-value/);
    expect(registry.schemas.versionsOf(subject.name)).toEqual([id]);
  });

  test('a rule that an operator has set is left alone', async () => {
    const theirs = new SchemaRegistry({ host: registry.url });
    await theirs.register({ type: SchemaType.JSON, schema: '{"type":"object"}' }, { subject: 'other' });
    const client = createRegistryClient({ url: registry.url });
    await client.ensure({ name: 'other', schema: '{"type":"object","description":"the same"}' });
    expect(registry.schemas.levelOf('other')).toBe('BACKWARD');
  });

  test.each([
    { what: 'in variables', access: (url: string) => ({ url, username: 'u', password: 'p:ü' }) },
    {
      what: 'in the address',
      access: (url: string) => ({ url: url.replace('://', `://u:${encodeURIComponent('p:ü')}@`) }),
    },
  ])('O13: a name and password $what sign in; without them it counts as away', async ({ access }) => {
    const guarded = await startSchemaRegistry({ access: { username: 'u', password: 'p:ü' } });
    try {
      expect(await createRegistryClient(access(guarded.url)).ensure(subject)).toBe(1);
      await expect(createRegistryClient({ url: guarded.url }).find(1)).rejects.toThrow(RegistryUnavailableError);
    } finally {
      await guarded.close();
    }
  });
});

describe('looking up', () => {
  test('issue 6.5: what is found has its type and subjects; what is not is undefined', async () => {
    const client = createRegistryClient({ url: registry.url });
    const id = await client.ensure(subject);
    expect(await client.find(id)).toEqual({ type: 'JSON', subjects: [subject.name] });
    expect(await client.find(99)).toBeUndefined();
    expect(await client.find(0xffff_ffff)).toBeUndefined();
  });

  test('T13, issue 6.5: a registry that is away, or something else at its address, knows nothing of an id', async () => {
    const elsewhere = createRegistryClient({ url: `${registry.url}/nothing-here` });
    await expect(elsewhere.find(1)).rejects.toThrow(RegistryUnavailableError);
    await registry.goAway();
    const away = createRegistryClient({ url: registry.url });
    await expect(away.find(1)).rejects.toThrow(/does not answer \(ECONNREFUSED\)/);
    await expect(away.ensure(subject)).rejects.toThrow(RegistryUnavailableError);
  });

  test('issue 6.5: a schema that is good is asked for once; the cache is bounded; an unknown one is doubted and forgotten', async () => {
    let nowMs = 0;
    const asked: number[] = [];
    const schemas = new Map<number, FoundSchema>([1, 2, 3].map((id) => [id, { type: 'JSON', subjects: ['s'] }]));
    const cache = createSchemaCache({
      registry: {
        find: async (id) => {
          asked.push(id);
          return schemas.get(id);
        },
      },
      isGood: ({ subjects }) => subjects.includes('s'),
      maxIds: 2,
      doubtMs: 1000,
      againMs: 1,
      now: () => nowMs,
    });
    const look = async (...ids: number[]) => [
      ...(await cache.look(new Set(ids), new AbortController().signal)).values(),
    ];
    const asks = async (...ids: number[]) => {
      asked.length = 0;
      await look(...ids);
      return asked;
    };
    expect(await asks(1)).toEqual([1]);
    nowMs += 1e9;
    expect(await asks(1)).toEqual([]);
    expect(await asks(9)).toEqual([9, 9]);
    expect(await asks(9)).toEqual([]);
    schemas.set(9, { type: 'JSON', subjects: ['s'] });
    nowMs += 1001;
    expect(await asks(9)).toEqual([9]);
    expect(await asks(1, 9)).toEqual([]);
    expect(await asks(2)).toEqual([2]);
    expect(await asks(1)).toEqual([1]);
  });
});

describe('the registered schemas', () => {
  test('issue 6.5: kafkajs’ own client, as it comes, takes them, frames an event, and refuses a wrong one', async () => {
    const id = await createRegistryClient({ url: registry.url }).ensure(subject);
    const theirs = new SchemaRegistry({ host: registry.url });
    const event = identifiedEvent({ occurredAt: Date.now() });
    const framed = await theirs.encode(id, event);
    expect(schemaIdOf(framed)).toBe(id);
    expect(framed.subarray(0, 5)).toEqual(Buffer.from(schemaFrame(id)));
    expect(await theirs.decode(framed)).toEqual(event);
    await expect(theirs.encode(id, { ...event, colour: 'red' })).rejects.toThrow();
    await expect(theirs.encode(id, { ...event, eventId: 'none' })).rejects.toThrow();
  });

  test('issue 6.5: what ingest writes is valid by its own', async () => {
    const id = await createRegistryClient({ url: registry.url }).ensure(eventsSubject());
    const theirs = new SchemaRegistry({ host: registry.url });
    const logged = { project: 1, receivedAt: Date.now(), skew: -6000, event: identifiedEvent() };
    expect(await theirs.decode(await theirs.encode(id, logged))).toEqual(logged);
  });
});
