import type { PoolClient } from 'pg';
import { inlineNameId, NAME_KINDS, type NameKind, nameId, SOURCE_KINDS, type Source, sourceId } from '../names.ts';
import type { Int64 } from './copy-binary.ts';
import type { StorableEvent } from './partition-batch.ts';

/** Names stored in the row itself, where their hash belongs to another name. */
export interface InlineNames {
  type?: string;
  namespace?: string;
  userAgent?: string;
  source?: Source;
}

/** The id of a name that stands in its table. */
export interface NameId extends Int64 {
  /** Decimal text of the signed 64 bits. */
  text: string;
}

/** What a row carries in place of its names; absent where the event has none, or the name stands inline. */
export interface ResolvedNames {
  type?: NameId | undefined;
  namespace?: NameId | undefined;
  userAgent?: NameId | undefined;
  source?: NameId | undefined;
  inline?: InlineNames | undefined;
  /** By which rollups know type and namespace: always an id, of its own for a name that stands inline. */
  seriesType: NameId;
  seriesNamespace: NameId;
}

const MAX_CACHED = 50_000;

interface Entry {
  projectId: number;
  id: NameId;
  /** The hash belongs to another name: the row keeps the name itself. */
  taken: boolean;
}
interface NameEntry extends Entry {
  kind: NameKind;
  name: string;
  /** Where it is taken. */
  inlineId?: NameId;
}
interface SourceEntry extends Entry {
  source: Source;
}

/** Names of one project: by kind, and sources by their parts. */
class ProjectNames {
  readonly names: Record<NameKind, Map<string, NameEntry>> = { 1: new Map(), 2: new Map(), 3: new Map() };
  readonly sources = new Map<string, SourceEntry>();
}

/** The new names of one transaction: they become known to the registry only after its commit. */
export interface PendingNames {
  /** Of each event, in the order in which they were given. */
  resolved: ResolvedNames[];
  commit(): void;
}

const byIdWithin = (a: Entry, b: Entry): number => a.projectId - b.projectId || a.id.hi - b.id.hi || a.id.lo - b.id.lo;

function idOf(text: string): NameId {
  const id = BigInt(text);
  return { text, hi: Number(id >> 32n), lo: Number(id & 0xffffffffn) };
}

/**
 * Type, namespace, user agent and source as 64-bit hashes into lookup tables. The cache of names that are known to
 * be stored is filled only after commit: a name whose transaction failed is written again with the next one.
 */
export class NameRegistry {
  #known = new Map<number, ProjectNames>();
  #size = 0;

  /** Writes the names of these events that are not known yet, inside the caller's transaction. */
  async register(
    client: PoolClient,
    events: readonly { projectId: number; stored: StorableEvent }[],
  ): Promise<PendingNames> {
    const known = this.#known;
    const pending = new Map<number, ProjectNames>();
    const newNames: NameEntry[] = [];
    const newSources: SourceEntry[] = [];
    let projectId = Number.NaN;
    let knownHere = new ProjectNames();
    let pendingHere = knownHere;

    const nameEntry = (kind: NameKind, name: string): NameEntry => {
      const found = knownHere.names[kind].get(name) ?? pendingHere.names[kind].get(name);
      if (found) return found;
      const entry = { projectId, kind, name, id: idOf(nameId(kind, name)), taken: false };
      pendingHere.names[kind].set(name, entry);
      newNames.push(entry);
      return entry;
    };
    const sourceEntry = (source: Source): SourceEntry => {
      const key = sourceKey(source);
      const found = knownHere.sources.get(key) ?? pendingHere.sources.get(key);
      if (found) return found;
      const entry = { projectId, source, id: idOf(sourceId(source)), taken: false };
      pendingHere.sources.set(key, entry);
      newSources.push(entry);
      return entry;
    };
    const entries = events.map((given) => {
      if (given.projectId !== projectId) {
        projectId = given.projectId;
        knownHere = namesOf(known, projectId);
        pendingHere = namesOf(pending, projectId);
      }
      const { type, namespace = 'default', userAgent, source } = given.stored.event;
      return {
        type: nameEntry(NAME_KINDS.type, type),
        namespace: nameEntry(NAME_KINDS.namespace, namespace),
        userAgent: userAgent === undefined ? undefined : nameEntry(NAME_KINDS.userAgent, userAgent),
        source: source && sourceEntry(source),
      };
    });
    if (newNames.length > 0) await insertNames(client, newNames);
    if (newSources.length > 0) await insertSources(client, newSources);
    return {
      resolved: entries.map(resolve),
      commit: () => {
        this.#size += newNames.length + newSources.length;
        if (this.#size > MAX_CACHED) {
          this.clear();
          this.#size = newNames.length + newSources.length;
        }
        for (const entry of newNames) {
          namesOf(this.#known, entry.projectId).names[entry.kind].set(entry.name, entry);
        }
        for (const entry of newSources) {
          namesOf(this.#known, entry.projectId).sources.set(sourceKey(entry.source), entry);
        }
      },
    };
  }

  /** Forgets what it knows: after rows may have gone from under it (a restored database). */
  clear(): void {
    this.#known = new Map();
    this.#size = 0;
  }
}

function namesOf(projects: Map<number, ProjectNames>, projectId: number): ProjectNames {
  let names = projects.get(projectId);
  if (!names) {
    names = new ProjectNames();
    projects.set(projectId, names);
  }
  return names;
}

interface NameEntries {
  type: NameEntry;
  namespace: NameEntry;
  userAgent: NameEntry | undefined;
  source: SourceEntry | undefined;
}

function resolve({ type, namespace, userAgent, source }: NameEntries): ResolvedNames {
  if (!type.taken && !namespace.taken && !userAgent?.taken && !source?.taken) {
    return {
      type: type.id,
      namespace: namespace.id,
      userAgent: userAgent?.id,
      source: source?.id,
      inline: undefined,
      seriesType: type.id,
      seriesNamespace: namespace.id,
    };
  }
  return {
    type: type.taken ? undefined : type.id,
    namespace: namespace.taken ? undefined : namespace.id,
    userAgent: userAgent?.taken ? undefined : userAgent?.id,
    source: source?.taken ? undefined : source?.id,
    inline: {
      ...(type.taken && { type: type.name }),
      ...(namespace.taken && { namespace: namespace.name }),
      ...(userAgent?.taken && { userAgent: userAgent.name }),
      ...(source?.taken && { source: source.source }),
    },
    seriesType: seriesIdOf(type),
    seriesNamespace: seriesIdOf(namespace),
  };
}

function seriesIdOf(entry: NameEntry): NameId {
  if (!entry.taken) return entry.id;
  entry.inlineId ??= idOf(inlineNameId(entry.kind, entry.name));
  return entry.inlineId;
}

const sourceKey = ({ kind, name, version, instance }: Source): string =>
  `${kind} ${name}\0${version ?? '\0'}\0${instance ?? '\0'}`;

async function insertNames(client: PoolClient, entries: NameEntry[]): Promise<void> {
  entries.sort((a, b) => a.projectId - b.projectId || a.kind - b.kind || byIdWithin(a, b));
  const columns = [
    entries.map(({ projectId }) => projectId),
    entries.map(({ kind }) => kind),
    entries.map(({ id }) => id.text),
    entries.map(({ name }) => name),
  ];
  await client.query(
    `INSERT INTO names (project_id, kind, id, name)
     SELECT * FROM unnest($1::integer[], $2::smallint[], $3::bigint[], $4::text[]) ON CONFLICT DO NOTHING`,
    columns,
  );
  const { rows } = await client.query<{ place: string }>(
    `SELECT given.place FROM unnest($1::integer[], $2::smallint[], $3::bigint[], $4::text[])
       WITH ORDINALITY AS given (project_id, kind, id, name, place)
     JOIN names USING (project_id, kind, id) WHERE names.name <> given.name`,
    columns,
  );
  for (const { place } of rows) (entries[Number(place) - 1] as NameEntry).taken = true;
}

async function insertSources(client: PoolClient, entries: SourceEntry[]): Promise<void> {
  entries.sort(byIdWithin);
  const columns = [
    entries.map(({ projectId }) => projectId),
    entries.map(({ id }) => id.text),
    entries.map(({ source }) => SOURCE_KINDS[source.kind]),
    entries.map(({ source }) => source.name),
    entries.map(({ source }) => source.version ?? null),
    entries.map(({ source }) => source.instance ?? null),
  ];
  const given = 'unnest($1::integer[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[])';
  await client.query(
    `INSERT INTO sources (project_id, id, kind, name, version, instance) SELECT * FROM ${given} ON CONFLICT DO NOTHING`,
    columns,
  );
  const { rows } = await client.query<{ place: string }>(
    `SELECT given.place FROM ${given} WITH ORDINALITY AS given (project_id, id, kind, name, version, instance, place)
     JOIN sources s USING (project_id, id)
     WHERE (s.kind, s.name, s.version, s.instance)
       IS DISTINCT FROM (given.kind, given.name, given.version, given.instance)`,
    columns,
  );
  for (const { place } of rows) (entries[Number(place) - 1] as SourceEntry).taken = true;
}
