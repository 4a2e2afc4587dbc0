import { NAME_KINDS } from '../names.ts';
import { INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';
import type { NameEntry, SourceEntry, TransactionNames } from './name-registry.ts';

/** Of one project, by the numbers that they have in the table. */
export interface ProjectRowNames {
  types: NameEntry[];
  namespaces: NameEntry[];
  userAgents: NameEntry[];
  sources: SourceEntry[];
}

/** The names of a table's rows: each is looked up once a transaction, not once a row. */
export class RowNames {
  readonly #table: EventTable;
  readonly #names: TransactionNames;
  readonly #projects = new Map<number, ProjectRowNames>();
  #projectId = Number.NaN;
  #last: ProjectRowNames = { types: [], namespaces: [], userAgents: [], sources: [] };

  constructor(table: EventTable, names: TransactionNames) {
    this.#table = table;
    this.#names = names;
  }

  ofProject(projectId: number): ProjectRowNames {
    if (projectId === this.#projectId) return this.#last;
    let found = this.#projects.get(projectId);
    if (!found) {
      found = { types: [], namespaces: [], userAgents: [], sources: [] };
      this.#projects.set(projectId, found);
    }
    this.#projectId = projectId;
    this.#last = found;
    return found;
  }

  /** Looks the names of a row up that were not met before; they still have to be written. */
  meet(row: number): void {
    const { ints } = this.#table;
    const at = row * INTS;
    const projectId = ints[at + INT.project] as number;
    const known = this.ofProject(projectId);
    const type = ints[at + INT.type] as number;
    const namespace = ints[at + INT.namespace] as number;
    const userAgent = ints[at + INT.userAgent] as number;
    const source = ints[at + INT.source] as number;
    const isKnown =
      known.types[type] !== undefined &&
      known.namespaces[namespace] !== undefined &&
      (userAgent < 0 || known.userAgents[userAgent] !== undefined) &&
      (source < 0 || known.sources[source] !== undefined);
    if (isKnown) return;
    const names = this.#names;
    const { types, namespaces, userAgents } = this.#table;
    names.ofProject(projectId);
    known.types[type] ??= names.name(NAME_KINDS.type, types.textOf(type));
    known.namespaces[namespace] ??= names.name(NAME_KINDS.namespace, namespaces.textOf(namespace));
    if (userAgent >= 0) {
      known.userAgents[userAgent] ??= names.name(NAME_KINDS.userAgent, userAgents.textOf(userAgent));
    }
    if (source >= 0) known.sources[source] ??= names.source(this.#table.source(source));
  }
}
