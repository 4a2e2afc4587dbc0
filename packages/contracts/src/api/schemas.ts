import type { Schema } from './operation.ts';

/** A schema among the `components` of the description. */
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** An object; what stands in `optional` may be absent. */
export const object = (
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema => ({
  type: 'object',
  ...(Object.keys(required).length > 0 && { required: Object.keys(required) }),
  properties: { ...required, ...optional },
});

export const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  items,
  ...(description !== undefined && { description }),
});

export const text = (description?: string): Schema => ({
  type: 'string',
  ...(description !== undefined && { description }),
});

export const count = (description?: string): Schema => ({
  type: 'integer',
  minimum: 0,
  ...(description !== undefined && { description }),
});

export const integer = (description?: string): Schema => ({
  type: 'integer',
  ...(description !== undefined && { description }),
});

export const flag = (description: string): Schema => ({ type: 'boolean', description });

/** As every answer has it. */
export const time = (description?: string): Schema => ({
  type: 'string',
  format: 'date-time',
  ...(description !== undefined && { description }),
});

export const uuid = (description?: string): Schema => ({
  type: 'string',
  format: 'uuid',
  ...(description !== undefined && { description }),
});

export const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });

export const only = (value: string): Schema => ({ const: value });

/** Or null, which the description tells the meaning of. */
export const orNull = (schema: Schema, description?: string): Schema => {
  const described = description === undefined ? {} : { description };
  if (typeof schema.type !== 'string') return { anyOf: [schema, { type: 'null' }], ...described };
  const values = Array.isArray(schema.enum) ? { enum: [...schema.enum, null] } : {};
  return { ...schema, type: [schema.type, 'null'], ...values, ...described };
};
