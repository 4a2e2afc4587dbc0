import type { PoolClient } from 'pg';
import { NAME_KINDS, type NameKind, nameId, SOURCE_KINDS, type Source, sourceId } from '../names.ts';
import type { StorableEvent } from './partition-batch.ts';

/** Names stored in the row itself, where their hash belongs to another name. */
export interface InlineNames {
  type?: string;
  namespace?: string;
  userAgent?: string;
  source?: Source;
}

/** What a row carries in place of its names. */
export interface ResolvedNames {
  typeId?: string | undefined;
  namespaceId?: string | undefined;
  userAgentId?: string | undefined;
  sourceId?: string | undefined;
  inline?: InlineNames;
}

const MAX_CACHED = 50_000;

interface Entry {
  projectId: number;
  id: string;
  /** The hash belongs to another name: the row keeps the name itself. */
  taken: boolean;
}
interface NameEntry extends Entry {
  kind: NameKind;
  name: string;
}
interface SourceEntry extends Entry {
  source: Source;
}

/** The new names of one transaction: they become known to the registry only after its commit. */
export interface PendingNames {
  resolve(projectId: number, stored: StorableEvent): ResolvedNames;
  commit(): void;
}

const byIdWithin = (a: Entry, b: Entry): number =>
  a.projectId - b.projectId || (BigInt(a.id) < BigInt(b.id) ? -1 : BigInt(a.id) > BigInt(b.id) ? 1 : 0);

/**
 * Type, namespace, user agent and source as 64-bit hashes into lookup tables. The cache of names that are known to
 * be stored is filled only after commit: a name whose transaction failed is written again with the next one.
 */
export class NameRegistry {
  readonly #names = new Map<string, NameEntry>();
  readonly #sources = new Map<string, SourceEntry>();

  /** Writes the names of these events that are not known yet, inside the caller's transaction. */
  async register(
    client: PoolClient,
    events: Iterable<{ projectId: number; stored: StorableEvent }>,
  ): Promise<PendingNames> {
    const newNames = new Map<string, NameEntry>();
    const newSources = new Map<string, SourceEntry>();
    const noteName = (projectId: number, kind: NameKind, name: string | undefined): void => {
      if (name === undefined) return;
      const key = nameKey(projectId, kind, name);
      if (this.#names.has(key) || newNames.has(key)) return;
      newNames.set(key, { projectId, kind, name, id: nameId(kind, name), taken: false });
    };
    for (const { projectId, stored } of events) {
      const { type, namespace, userAgent, source } = stored.event;
      noteName(projectId, NAME_KINDS.type, type);
      noteName(projectId, NAME_KINDS.namespace, namespace ?? 'default');
      noteName(projectId, NAME_KINDS.userAgent, userAgent);
      if (source) {
        const key = sourceKey(projectId, source);
        if (this.#sources.has(key) || newSources.has(key)) continue;
        newSources.set(key, { projectId, source, id: sourceId(source), taken: false });
      }
    }
    if (newNames.size > 0) await insertNames(client, [...newNames.values()]);
    if (newSources.size > 0) await insertSources(client, [...newSources.values()]);

    const nameOf = (projectId: number, kind: NameKind, name: string): NameEntry => {
      const key = nameKey(projectId, kind, name);
      return (this.#names.get(key) ?? newNames.get(key)) as NameEntry;
    };
    return {
      resolve: (projectId, stored) => {
        const { type, namespace = 'default', userAgent, source } = stored.event;
        const resolved: ResolvedNames = {};
        const typeEntry = nameOf(projectId, NAME_KINDS.type, type);
        if (typeEntry.taken) resolved.inline = { type };
        else resolved.typeId = typeEntry.id;
        const namespaceEntry = nameOf(projectId, NAME_KINDS.namespace, namespace);
        if (namespaceEntry.taken) resolved.inline = { ...resolved.inline, namespace };
        else resolved.namespaceId = namespaceEntry.id;
        if (userAgent !== undefined) {
          const agentEntry = nameOf(projectId, NAME_KINDS.userAgent, userAgent);
          if (agentEntry.taken) resolved.inline = { ...resolved.inline, userAgent };
          else resolved.userAgentId = agentEntry.id;
        }
        if (source) {
          const key = sourceKey(projectId, source);
          const sourceEntry = (this.#sources.get(key) ?? newSources.get(key)) as SourceEntry;
          if (sourceEntry.taken) resolved.inline = { ...resolved.inline, source };
          else resolved.sourceId = sourceEntry.id;
        }
        return resolved;
      },
      commit: () => {
        if (this.#names.size + newNames.size > MAX_CACHED) this.#names.clear();
        if (this.#sources.size + newSources.size > MAX_CACHED) this.#sources.clear();
        for (const [key, entry] of newNames) this.#names.set(key, entry);
        for (const [key, entry] of newSources) this.#sources.set(key, entry);
      },
    };
  }

  /** Forgets what it knows: after rows may have gone from under it (a restored database). */
  clear(): void {
    this.#names.clear();
    this.#sources.clear();
  }
}

const nameKey = (projectId: number, kind: NameKind, name: string): string => `${projectId} ${kind} ${name}`;
const sourceKey = (projectId: number, { kind, name, version, instance }: Source): string =>
  `${projectId} ${kind} ${name}\0${version ?? '\0'}\0${instance ?? '\0'}`;

async function insertNames(client: PoolClient, entries: NameEntry[]): Promise<void> {
  entries.sort((a, b) => a.projectId - b.projectId || a.kind - b.kind || byIdWithin(a, b));
  const columns = [
    entries.map(({ projectId }) => projectId),
    entries.map(({ kind }) => kind),
    entries.map(({ id }) => id),
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
    entries.map(({ id }) => id),
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
