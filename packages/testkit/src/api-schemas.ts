import { isUuid, parseRfc3339 } from '@wayline/contracts';
import type { ApiDescription, Schema } from '@wayline/contracts/api';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

const WHOLE = 'urn:wayline:description';
const COMPONENTS = '#/components/schemas/';

/** The schemas of a description, as answers are held against them: what is not described must not be there. */
export interface ApiSchemas {
  /** What is wrong with a value; undefined where nothing is. */
  errorsOf(schema: Schema, value: unknown): string | undefined;
  /** All fields that a schema describes: `component.field`, or by the place where there is no component. */
  fieldsOf(schema: Schema, place: string): Set<string>;
  /** Those of them that a value, which has to be as described, has. */
  fieldsIn(schema: Schema, value: unknown, place: string): Set<string>;
}

export function createApiSchemas(description: ApiDescription): ApiSchemas {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addFormat('uuid', isUuid);
  ajv.addFormat('date-time', (text: string) => parseRfc3339(text) !== undefined);
  const components = closed(description.components.schemas) as Record<string, Schema>;
  ajv.addSchema({ $id: WHOLE, components: { schemas: components } });
  const compiled = new Map<Schema, ValidateFunction>();

  function validator(schema: Schema): ValidateFunction {
    const known = compiled.get(schema);
    if (known) return known;
    const text = JSON.stringify(closed(schema)).replaceAll(`"${COMPONENTS}`, `"${WHOLE}${COMPONENTS}`);
    const made = ajv.compile(JSON.parse(text) as Schema);
    compiled.set(schema, made);
    return made;
  }

  /** Goes through a schema and, where there is one, the value that is as it says. */
  function walk(schema: Schema, place: string, { value, found, seen }: Walk): void {
    const name = refOf(schema);
    if (name !== undefined) {
      if (value === ALL && seen.has(name)) return;
      seen.add(name);
      walk(description.components.schemas[name] ?? {}, name, { value, found, seen });
      return;
    }
    for (const branch of branchesOf(schema)) {
      if (value === ALL || validator(branch)(value)) walk(branch, place, { value, found, seen });
    }
    const { properties = {}, items, additionalProperties } = schema as Described;
    for (const [field, inner] of Object.entries(properties)) {
      if (value !== ALL && !hasField(value, field)) continue;
      found.add(`${place}.${field}`);
      walk(inner, `${place}.${field}`, { value: value === ALL ? ALL : (value as never)[field], found, seen });
    }
    const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
    for (const [inner, mark] of [
      [items, '[]'],
      [others, '{}'],
    ] as const) {
      if (!inner) continue;
      const values = value === ALL ? [ALL] : membersOf(value, mark);
      for (const member of values) walk(inner, `${place}${mark}`, { value: member, found, seen });
    }
  }

  return {
    errorsOf(schema, value) {
      const validate = validator(schema);
      return validate(value) ? undefined : ajv.errorsText(validate.errors, { dataVar: '', separator: '\n' });
    },
    fieldsOf(schema, place) {
      const found = new Set<string>();
      walk(schema, place, { value: ALL, found, seen: new Set() });
      return found;
    },
    fieldsIn(schema, value, place) {
      const found = new Set<string>();
      walk(schema, place, { value, found, seen: new Set() });
      return found;
    },
  };
}

/** In place of a value: every one that there could be. */
const ALL = Symbol('all');

interface Walk {
  value: unknown;
  found: Set<string>;
  /** Components that were gone through. */
  seen: Set<string>;
}

interface Described {
  $ref?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  oneOf?: Schema[];
  anyOf?: Schema[];
}

const branchesOf = ({ oneOf = [], anyOf = [] }: Described): Schema[] => [...oneOf, ...anyOf];

const refOf = ({ $ref }: Described): string | undefined =>
  $ref?.startsWith(COMPONENTS) ? $ref.slice(COMPONENTS.length) : undefined;

const hasField = (value: unknown, field: string): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, field);

function membersOf(value: unknown, mark: '[]' | '{}'): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) !== (mark === '[]')) return [];
  return Object.values(value);
}

/** The same, in which an object that names its fields has no others. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, member]) => [name, closed(member)]));
  const names = typeof inner.properties === 'object' && inner.type !== undefined;
  return names && inner.additionalProperties === undefined ? { ...inner, additionalProperties: false } : inner;
}
