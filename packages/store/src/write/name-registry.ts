import type { PoolClient } from 'pg';
import { inlineNameId, type NameKind, nameId, SOURCE_KINDS, type Source, sourceId } from '../names.ts';
import { int64s, integers, smallints, texts } from './binary-array.ts';
import type { Int64 } from './binary-fields.ts';

/** The id of a name that stands in its table. */
export interface NameId extends Int64 {
  /** Decimal text of the signed 64 bits. */
  text: string;
}

interface Entry {
  projectId: number;
  id: NameId;
  /** The hash belongs to another name: the row keeps the name itself. Known once the names are written. */
  taken: boolean;
}

export interface NameEntry extends Entry {
  kind: NameKind;
  name: string;
  /** By which rollups know it: always an id, of its own for a name that stands inline. */
  seriesId: NameId;
}

export interface SourceEntry extends Entry {
  source: Source;
}

const MAX_CACHED = 50_000;

/** Names of one project: by kind, and sources by name and instance. */
class ProjectNames {
  readonly names: Record<NameKind, Map<string, NameEntry>> = { 1: new Map(), 2: new Map(), 3: new Map() };
  readonly #sources = new Map<string, Map<string, SourceEntry[]>>();

  source({ kind, name, version, instance }: Source): SourceEntry | undefined {
    const found = this.#sources.get(name)?.get(instance ?? '');
    // Most often one; no key is put together of the parts for each event.
    return found?.find(
      ({ source }) => source.kind === kind && source.version === version && source.instance === instance,
    );
  }

  addSource(entry: SourceEntry): void {
    const { name, instance = '' } = entry.source;
    const byInstance = entryOf(this.#sources, name, () => new Map<string, SourceEntry[]>());
    entryOf(byInstance, instance, () => []).push(entry);
  }
}

const byIdWithin = (a: Entry, b: Entry): number => a.projectId - b.projectId || a.id.hi - b.id.hi || a.id.lo - b.id.lo;

/**
 * Type, namespace, user agent and source as 64-bit hashes into lookup tables. The cache of names that are known to
 * be stored is filled only after commit: a name whose transaction failed is written again with the next one.
 */
export class NameRegistry {
  #known = new Map<number, ProjectNames>();
  #size = 0;

  /** For the names of one transaction. */
  begin(): TransactionNames {
    return new TransactionNames(this.#known, (names, sources) => this.#learn(names, sources));
  }

  /** Forgets what it knows: after rows may have gone from under it (a restored database). */
  clear(): void {
    this.#known = new Map();
    this.#size = 0;
  }

  #learn(names: readonly NameEntry[], sources: readonly SourceEntry[]): void {
    this.#size += names.length + sources.length;
    if (this.#size > MAX_CACHED) {
      this.clear();
      this.#size = names.length + sources.length;
    }
    for (const entry of names) namesOf(this.#known, entry.projectId).names[entry.kind].set(entry.name, entry);
    for (const entry of sources) namesOf(this.#known, entry.projectId).addSource(entry);
  }
}

/** The names of one transaction: looked up, the new ones written, and learned by the registry only after its commit. */
export class TransactionNames {
  readonly #known: Map<number, ProjectNames>;
  readonly #learn: (names: readonly NameEntry[], sources: readonly SourceEntry[]) => void;
  readonly #pending = new Map<number, ProjectNames>();
  readonly #newNames: NameEntry[] = [];
  readonly #newSources: SourceEntry[] = [];
  #projectId = Number.NaN;
  #knownHere = new ProjectNames();
  #pendingHere = this.#knownHere;

  constructor(
    known: Map<number, ProjectNames>,
    learn: (names: readonly NameEntry[], sources: readonly SourceEntry[]) => void,
  ) {
    this.#known = known;
    this.#learn = learn;
  }

  /** Those that follow are of this project. */
  ofProject(projectId: number): void {
    if (projectId === this.#projectId) return;
    this.#projectId = projectId;
    this.#knownHere = namesOf(this.#known, projectId);
    this.#pendingHere = namesOf(this.#pending, projectId);
  }

  name(kind: NameKind, name: string): NameEntry {
    return this.#knownHere.names[kind].get(name) ?? this.#pendingHere.names[kind].get(name) ?? this.#add(kind, name);
  }

  source(source: Source): SourceEntry {
    return this.#knownHere.source(source) ?? this.#pendingHere.source(source) ?? this.#addSource(source);
  }

  /** Writes those that are not known yet; afterwards each entry says whether its hash belongs to another. */
  async write(client: PoolClient): Promise<void> {
    if (this.#newNames.length > 0) await insertNames(client, this.#newNames);
    if (this.#newSources.length > 0) await insertSources(client, this.#newSources);
  }

  /** For after the commit. */
  commit(): void {
    this.#learn(this.#newNames, this.#newSources);
  }

  #add(kind: NameKind, name: string): NameEntry {
    const id = idOf(nameId(kind, name));
    const entry = { projectId: this.#projectId, kind, name, id, taken: false, seriesId: id };
    this.#pendingHere.names[kind].set(name, entry);
    this.#newNames.push(entry);
    return entry;
  }

  #addSource(source: Source): SourceEntry {
    const entry = { projectId: this.#projectId, source, id: idOf(sourceId(source)), taken: false };
    this.#pendingHere.addSource(entry);
    this.#newSources.push(entry);
    return entry;
  }
}

function idOf(text: string): NameId {
  const id = BigInt(text);
  return { text, hi: Number(id >> 32n), lo: Number(id & 0xffffffffn) };
}

/** The value of a map, made where there is none. */
function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

const namesOf = (projects: Map<number, ProjectNames>, projectId: number): ProjectNames =>
  entryOf(projects, projectId, () => new ProjectNames());

async function insertNames(client: PoolClient, entries: NameEntry[]): Promise<void> {
  entries.sort((a, b) => a.projectId - b.projectId || a.kind - b.kind || byIdWithin(a, b));
  const columns = [
    integers(entries.map(({ projectId }) => projectId)),
    smallints(entries.map(({ kind }) => kind)),
    int64s(entries.map(({ id }) => id)),
    texts(entries.map(({ name }) => name)),
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
  for (const { place } of rows) {
    const entry = entries[Number(place) - 1] as NameEntry;
    entry.taken = true;
    entry.seriesId = idOf(inlineNameId(entry.kind, entry.name));
  }
}

async function insertSources(client: PoolClient, entries: SourceEntry[]): Promise<void> {
  entries.sort(byIdWithin);
  const columns = [
    integers(entries.map(({ projectId }) => projectId)),
    int64s(entries.map(({ id }) => id)),
    smallints(entries.map(({ source }) => SOURCE_KINDS[source.kind])),
    texts(entries.map(({ source }) => source.name)),
    texts(entries.map(({ source }) => source.version)),
    texts(entries.map(({ source }) => source.instance)),
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
