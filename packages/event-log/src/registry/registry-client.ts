import { REGISTRY_COMPATIBILITY, type RegistrySubject } from '@wayline/contracts';
import { ask, type RegistryAccess, type RegistryAnswer } from './ask-registry.ts';
import { RegistryRefusalError, RegistryUnavailableError } from './registry-errors.ts';

export { RegistryRefusalError, RegistryUnavailableError } from './registry-errors.ts';

export type RegistryClientOptions = RegistryAccess;

/** What a schema registry says of an id. */
export interface FoundSchema {
  /** `JSON`, `AVRO` or `PROTOBUF`. */
  type: string;
  /** Under which it is, or was, registered. */
  subjects: readonly string[];
}

/** A Confluent-compatible schema registry. Each call rejects with `RegistryUnavailableError` where it does not answer. */
export interface RegistryClient {
  /** Undefined where the registry knows no such id. */
  find(schemaId: number, signal?: AbortSignal): Promise<FoundSchema | undefined>;
  /**
   * Sees to it that the subject has the schema, and answers with its id; one that it has, as the latest or an earlier
   * version, is left as it is. A new one must be compatible with all versions there are; a subject without a rule of its own
   * is given `BACKWARD_TRANSITIVE`.
   * @throws RegistryRefusalError with one sentence, where that cannot be
   */
  ensure(subject: RegistrySubject): Promise<number>;
}

export function createRegistryClient(access: RegistryClientOptions): RegistryClient {
  const subjectPath = (name: string) => `/subjects/${encodeURIComponent(name)}`;

  /** The subject's own rule; set where there is none, before there is a version that it would have to hold for. */
  async function ensureCompatibility(name: string): Promise<void> {
    const path = `/config/${encodeURIComponent(name)}`;
    const { status } = await ask(access, 'GET', path);
    if (status !== 404) return;
    const set = await ask(access, 'PUT', path, { body: { compatibility: REGISTRY_COMPATIBILITY } });
    if (set.status !== 200) throw refusal(name, set);
  }

  async function requireCompatible(name: string, schema: object): Promise<void> {
    const path = `/compatibility${subjectPath(name)}/versions?verbose=true`;
    const answer = await ask(access, 'POST', path, { body: schema });
    if (answer.status === 404 || answer.status === 405) return; // no version yet; or left to the registering, which checks too
    if (answer.status !== 200) throw refusal(name, answer);
    const { is_compatible: compatible, messages } = answer.json as { is_compatible?: boolean; messages?: string[] };
    if (compatible === true) return;
    const why = Array.isArray(messages) && messages.length > 0 ? ` (${messages.join('; ').slice(0, 500)})` : '';
    throw new RegistryRefusalError(
      `The schema of this version is not compatible with those that the registry has for ${name}${why}.`,
    );
  }

  return {
    async find(schemaId, signal) {
      if (schemaId > GREATEST_ID) return undefined;
      const found = await ask(access, 'GET', `/schemas/ids/${schemaId}`, { signal });
      if (isUnknown(found)) return undefined;
      if (found.status !== 200) throw new RegistryUnavailableError(sentence(found));
      const used = await ask(access, 'GET', `/schemas/ids/${schemaId}/versions?deleted=true`, { signal });
      if (isUnknown(used)) return undefined;
      if (used.status !== 200 || !Array.isArray(used.json)) throw new RegistryUnavailableError(sentence(used));
      const { schemaType = 'AVRO' } = found.json as { schemaType?: string };
      return { type: schemaType, subjects: (used.json as { subject: string }[]).map(({ subject }) => subject) };
    },

    async ensure({ name, schema }) {
      const body = { schemaType: 'JSON', schema };
      const known = await ask(access, 'POST', subjectPath(name), { body });
      if (known.status === 200) return idIn(name, known);
      if (!isUnknown(known)) throw refusal(name, known);
      await ensureCompatibility(name);
      await requireCompatible(name, body);
      return idIn(name, await ask(access, 'POST', `${subjectPath(name)}/versions`, { body }));
    },
  };
}

/** Ids are 32 bits with a sign; the frame has room for more. */
const GREATEST_ID = 0x7fff_ffff;

/** A registry says so with a code of its own (40401 and on); whatever else answers 404 is none, or asked at a wrong path. */
function isUnknown({ status, json }: RegistryAnswer): boolean {
  const { error_code: code } = (json ?? {}) as { error_code?: unknown };
  return status === 404 && typeof code === 'number' && code >= 40_400 && code < 40_500;
}

const sentence = ({ status, json }: RegistryAnswer): string => {
  const { message } = (json ?? {}) as { message?: unknown };
  const said = typeof message === 'string' ? `: ${message.slice(0, 500)}` : '';
  return `the schema registry answers ${status}${said}`;
};

const refusal = (name: string, answer: RegistryAnswer): RegistryRefusalError =>
  new RegistryRefusalError(`The schema of ${name} cannot be registered: ${sentence(answer)}.`);

function idIn(name: string, answer: RegistryAnswer): number {
  const { id } = (answer.json ?? {}) as { id?: unknown };
  if (answer.status === 200 && Number.isInteger(id)) return id as number;
  throw refusal(name, answer);
}
