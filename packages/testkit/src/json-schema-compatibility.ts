/** As much of JSON Schema as the registered schemas have. */
export interface PlainSchema {
  type?: string | readonly string[];
  properties?: Readonly<Record<string, PlainSchema>>;
  required?: readonly string[];
  additionalProperties?: boolean;
  enum?: readonly unknown[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

const LOWER_BOUNDS = ['minLength', 'minimum'] as const;
const UPPER_BOUNDS = ['maxLength', 'maximum'] as const;
const typesOf = ({ type = [] }: PlainSchema): readonly string[] => (typeof type === 'string' ? [type] : type);

/**
 * Why what was written by one schema may not be valid by the other, a line each; none where all of it is. Judges as a
 * Confluent registry does: objects that are not closed have every property already, of any type.
 */
export function unreadableBy(reader: PlainSchema, writer: PlainSchema, path = '#'): string[] {
  const faults: string[] = [];
  const types = typesOf(reader);
  if (types.length > 0 && !(typesOf(writer).length > 0 && typesOf(writer).every((type) => types.includes(type)))) {
    faults.push(`TYPE_NARROWED at ${path}`);
  }
  if (reader.enum && !writer.enum?.every((value) => reader.enum?.includes(value))) {
    faults.push(`ENUM_ARRAY_NARROWED at ${path}`);
  }
  if (reader.pattern !== undefined && reader.pattern !== writer.pattern) faults.push(`PATTERN_CHANGED at ${path}`);
  for (const bound of LOWER_BOUNDS) {
    const limit = reader[bound];
    if (limit !== undefined && (writer[bound] ?? Number.NEGATIVE_INFINITY) < limit) faults.push(`${bound} at ${path}`);
  }
  for (const bound of UPPER_BOUNDS) {
    const limit = reader[bound];
    if (limit !== undefined && (writer[bound] ?? Number.POSITIVE_INFINITY) > limit) faults.push(`${bound} at ${path}`);
  }
  return [...faults, ...propertyFaults(reader, writer, path)];
}

function propertyFaults(reader: PlainSchema, writer: PlainSchema, path: string): string[] {
  const faults: string[] = [];
  const isOpen = ({ additionalProperties = true }: PlainSchema) => additionalProperties;
  if (isOpen(writer) && !isOpen(reader) && reader.properties) faults.push(`ADDITIONAL_PROPERTIES_REMOVED at ${path}`);
  for (const name of reader.required ?? []) {
    if (!writer.required?.includes(name)) faults.push(`REQUIRED_ATTRIBUTE_ADDED at ${path}/${name}`);
  }
  for (const [name, schema] of Object.entries(writer.properties ?? {})) {
    const read = reader.properties?.[name];
    if (read) faults.push(...unreadableBy(read, schema, `${path}/properties/${name}`));
    else if (!isOpen(reader)) faults.push(`PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL at ${path}/${name}`);
  }
  for (const name of Object.keys(reader.properties ?? {})) {
    if (!writer.properties?.[name] && isOpen(writer))
      faults.push(`PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL at ${path}/${name}`);
  }
  return faults;
}
