import { type PlainSchema, unreadableBy } from './json-schema-compatibility.ts';

/** An answer other than 200, as the registry words it. */
export class RegistryFault extends Error {
  readonly status: number;
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
    this.status = code > 999 ? Math.floor(code / 100) : code;
  }
}

interface Schema {
  id: number;
  schemaType: string;
  schema: string;
}

interface Given {
  schema?: string;
  schemaType?: string;
  compatibility?: string;
}

const LEVELS = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'];

/** What a registry holds, and what it answers; nothing of HTTP but method, address and body. */
export class RegisteredSchemas {
  readonly #schemas: Schema[] = [];
  readonly #subjects = new Map<string, Schema[]>();
  readonly #levels = new Map<string, string>();

  /** The level of a subject, if it has one of its own. */
  levelOf(subject: string): string | undefined {
    return this.#levels.get(subject);
  }

  /** The ids of a subject's versions, the first version first. */
  versionsOf(subject: string): number[] {
    return (this.#subjects.get(subject) ?? []).map(({ id }) => id);
  }

  /** @throws RegistryFault */
  answer(method: string, { pathname }: URL, given: Given): unknown {
    const [first, second, third, fourth, fifth] = pathname.slice(1).split('/').map(decodeURIComponent);
    const route = `${method} ${first}`;
    if (route === 'GET schemas' && second === 'ids' && third) {
      return fourth === 'versions' ? this.#usesOf(third) : this.#byId(third);
    }
    if (route === 'GET subjects' && !second) return [...this.#subjects.keys()];
    if (second && first === 'subjects') {
      if (route === 'POST subjects')
        return third === 'versions' ? this.#register(second, given) : this.#lookUp(second, given);
      if (third === 'versions')
        return fourth ? this.#version(second, fourth) : this.#versions(second).map((_, i) => i + 1);
    }
    if (second && first === 'config') return method === 'PUT' ? this.#setLevel(second, given) : this.#level(second);
    if (route === 'POST compatibility' && third) return this.#isCompatible(third, { given, version: fifth });
    throw new RegistryFault(404, 'HTTP 404 Not Found');
  }

  #byId(id: string): object {
    const found = this.#schemas[Number(id) - 1];
    if (!found) throw new RegistryFault(40403, `Schema ${id} not found`);
    const { schema, schemaType } = found;
    return { schema, ...(schemaType !== 'AVRO' && { schemaType }) };
  }

  #usesOf(id: string): object[] {
    this.#byId(id);
    return [...this.#subjects].flatMap(([subject, versions]) =>
      versions.flatMap((version, i) => (version.id === Number(id) ? [{ subject, version: i + 1 }] : [])),
    );
  }

  #versions(subject: string): Schema[] {
    const versions = this.#subjects.get(subject);
    if (!versions) throw new RegistryFault(40401, `Subject '${subject}' not found.`);
    return versions;
  }

  #version(subject: string, version: string): object {
    const versions = this.#versions(subject);
    const number = version === 'latest' ? versions.length : Number(version);
    const found = versions[number - 1];
    if (!found) throw new RegistryFault(40402, `Version ${version} not found.`);
    return { subject, version: number, ...found };
  }

  #lookUp(subject: string, given: Given): object {
    const index = this.#versions(subject).findIndex((version) => isSame(version, given));
    if (index === -1) throw new RegistryFault(40403, 'Schema not found');
    return { subject, version: index + 1, ...this.#versions(subject)[index] };
  }

  #register(subject: string, given: Given): object {
    const { schema, schemaType = 'AVRO' } = given;
    if (!schema || !isJson(schema, schemaType)) throw new RegistryFault(42201, 'Invalid schema');
    const versions = this.#subjects.get(subject) ?? [];
    let found = versions.find((version) => isSame(version, given));
    if (!found) {
      const messages = this.#faults(versions, given, this.#levels.get(subject) ?? 'BACKWARD');
      if (messages.length > 0) {
        throw new RegistryFault(409, `Schema being registered is incompatible with an earlier schema: ${messages}`);
      }
      found = this.#schemas.find((known) => isSame(known, given));
      if (!found) {
        found = { id: this.#schemas.length + 1, schemaType, schema };
        this.#schemas.push(found);
      }
      this.#subjects.set(subject, [...versions, found]);
    }
    return { id: found.id };
  }

  #level(subject: string): object {
    const compatibilityLevel = this.#levels.get(subject);
    if (compatibilityLevel) return { compatibilityLevel };
    throw new RegistryFault(40408, `Subject '${subject}' does not have subject-level compatibility configured`);
  }

  #setLevel(subject: string, { compatibility = '' }: Given): object {
    if (!LEVELS.includes(compatibility)) throw new RegistryFault(42203, 'Invalid compatibility level.');
    this.#levels.set(subject, compatibility);
    return { compatibility };
  }

  #isCompatible(subject: string, { given, version }: { given: Given; version: string | undefined }): object {
    const versions = this.#versions(subject);
    const compared = version === undefined ? versions : versions.slice(-1);
    const messages = this.#faults(compared, given, this.#levels.get(subject) ?? 'BACKWARD');
    return { is_compatible: messages.length === 0, messages };
  }

  #faults(versions: readonly Schema[], given: Given, level: string): string[] {
    const compared = level.endsWith('_TRANSITIVE') ? versions : versions.slice(-1);
    if (level === 'NONE') return [];
    return compared.flatMap((version) => {
      if (version.schemaType !== (given.schemaType ?? 'AVRO')) return ['TYPE_CHANGED'];
      if (version.schemaType !== 'JSON') return [];
      const [one, other] = [JSON.parse(version.schema), JSON.parse(given.schema ?? '')] as [PlainSchema, PlainSchema];
      return [
        ...(level.startsWith('FORWARD') ? [] : unreadableBy(other, one)),
        ...(level.startsWith('BACKWARD') ? [] : unreadableBy(one, other)),
      ];
    });
  }
}

function isSame(known: Schema, { schema = '', schemaType = 'AVRO' }: Given): boolean {
  if (known.schemaType !== schemaType) return false;
  if (schemaType !== 'JSON' || known.schema === schema) return known.schema === schema;
  return JSON.stringify(JSON.parse(known.schema)) === JSON.stringify(JSON.parse(schema));
}

function isJson(schema: string, schemaType: string): boolean {
  if (schemaType === 'PROTOBUF') return true;
  try {
    return typeof JSON.parse(schema) === 'object';
  } catch {
    return false;
  }
}
