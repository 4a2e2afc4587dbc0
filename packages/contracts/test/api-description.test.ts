import { describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { ITEM_CODES, LIMITS, PROBLEM_CODES } from '@wayline/contracts';
import { type ApiDescription, AREAS, areasOf, describeApi, type Role } from '@wayline/contracts/api';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isUuid, parseRfc3339 } from '../src/index.ts';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const ROLES: readonly Role[] = ['ingest', 'query', 'worker'];
const whole = describeApi({ roles: ROLES, version: '1.2.3', nowMs: NOW });

const operationsOf = ({ paths }: ApiDescription) => Object.values(paths).flatMap((methods) => Object.values(methods));

/** Every object in a value, the value first. */
function* objectsIn(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Record<string, unknown>;
  for (const member of Object.values(value)) yield* objectsIn(member);
}

describe('C8: the description of the API', () => {
  test.each([{ roles: ROLES }, ...ROLES.map((role) => ({ roles: [role] }))])(
    'is an OpenAPI 3.1 document, of $roles',
    async ({ roles }) => {
      const description = describeApi({ roles, version: '1.2.3', nowMs: NOW });
      const { valid, errors } = await new Validator().validate(structuredClone(description));
      expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
      for (const { $ref } of objectsIn(description)) {
        if (typeof $ref !== 'string') continue;
        const found = $ref
          .slice(2)
          .split('/')
          .reduce<unknown>((place, name) => (place as Record<string, unknown>)?.[name], description);
        expect({ $ref, found: typeof found }).toEqual({ $ref, found: 'object' });
      }
    },
  );

  test('tells a process no more than what it serves', () => {
    const pathsOf = (...roles: Role[]) => Object.keys(describeApi({ roles, version: '1', nowMs: NOW }).paths);
    expect(pathsOf('worker')).toEqual(['/livez', '/readyz', '/openapi.json', '/docs']);
    expect(pathsOf('ingest')).not.toContain('/v1/ledger');
    expect(pathsOf('query')).not.toContain('/v1/events');
    expect(new Set([...pathsOf('ingest'), ...pathsOf('query')])).toEqual(new Set(Object.keys(whole.paths)));
    expect(Object.keys(describeApi({ roles: ['worker'], version: '1', nowMs: NOW }).components.schemas)).toEqual([
      'Problem',
    ]);
  });

  test('names each operation once, and says of each what it needs and answers', () => {
    const operations = operationsOf(whole);
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const addresses = AREAS.flatMap((area) => area.operations.map(({ method, path }) => `${method} ${path}`));
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const operation of operations) {
      expect(operation).toMatchObject({ summary: expect.stringMatching(/^.{5,80}[^.]$/), security: expect.any(Array) });
      expect(Object.keys(operation.responses).some((status) => Number(status) < 300)).toBe(true);
    }
  });

  test('documents every code of a problem and of an item, and the limits that hold', () => {
    const used = new Set(AREAS.flatMap(({ operations }) => operations.flatMap(({ problems }) => problems)));
    // 405 is of no operation: it is what other methods get. A reader who is too slow is told by the tail's last event.
    const elsewhere = ['method_not_allowed', 'slow_reader'];
    const all = new Set<string>([...used, ...elsewhere]);
    expect(Object.keys(PROBLEM_CODES).filter((code) => !all.has(code))).toEqual([]);
    const { Problem, ItemError } = whole.components.schemas as Record<string, { properties: { code: object } }>;
    expect(Problem?.properties.code).toMatchObject({ enum: Object.keys(PROBLEM_CODES) });
    expect(ItemError?.properties.code).toMatchObject({ enum: Object.keys(ITEM_CODES) });
    expect(whole.components.parameters).toMatchObject({
      limit: { schema: { maximum: LIMITS.listMax, default: LIMITS.listDefault } },
    });
  });

  test('has the event, and what begins and ends a session, from the schemas that validate', async () => {
    const { eventSchema, sessionStartSchema, sessionEndSchema } = await import('@wayline/contracts');
    const { schemas } = whole.components;
    for (const [name, { properties }] of Object.entries({
      Event: eventSchema,
      SessionStart: sessionStartSchema,
      SessionEnd: sessionEndSchema,
    })) {
      const { source: _, ...others } = properties;
      expect(schemas[name]).toMatchObject({ additionalProperties: false, properties: others });
    }
    expect(schemas.Source).toEqual(eventSchema.properties.source);
  });

  test('has examples that are as their schemas say', () => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addFormat('uuid', isUuid);
    ajv.addFormat('date-time', (text: string) => parseRfc3339(text) !== undefined);
    ajv.addSchema({ $id: 'whole', components: whole.components });
    const errorsOf = (schema: object, value: unknown) => {
      const text = JSON.stringify(schema).replaceAll('"#/components', '"whole#/components');
      const validate = ajv.compile(JSON.parse(text) as object);
      return validate(value) ? [] : validate.errors;
    };
    let seen = 0;
    for (const operation of operationsOf(whole)) {
      const { content = {} } = (operation.requestBody ?? {}) as { content?: Record<string, MediaObject> };
      for (const [type, { schema, examples }] of Object.entries(content)) {
        for (const { value } of Object.values(examples)) {
          const values = type === 'application/x-ndjson' ? linesOf(value as string) : [value];
          for (const each of values) {
            seen++;
            expect({ id: operation.operationId, errors: errorsOf(schema, each) }).toMatchObject({ errors: [] });
          }
        }
      }
      for (const parameter of (operation.parameters ?? []) as { schema?: object; example?: unknown }[]) {
        if (parameter.example === undefined || !parameter.schema) continue;
        expect({
          id: operation.operationId,
          parameter,
          errors: errorsOf(parameter.schema, parameter.example),
        }).toMatchObject({
          errors: [],
        });
      }
    }
    expect(seen).toBeGreaterThan(20);
  });

  test('has the times of its examples around the moment of its making', () => {
    const text = JSON.stringify(whole);
    expect(text).not.toContain('2026-01-0');
    expect(text).toContain('2026-11-20T12:00:00.000Z');
    expect(text).toContain(String(NOW / 1000));
  });

  test('has every area on the page of some role', () => {
    expect(areasOf(ROLES)).toEqual(AREAS);
  });
});

interface MediaObject {
  schema: object;
  examples: Record<string, { value: unknown }>;
}

const linesOf = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
