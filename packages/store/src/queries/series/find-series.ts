import { inlineNameId, NAME_KINDS, type NameKind, nameId } from '../../names.ts';
import { plannedOnce } from '../../planned-once.ts';
import type { Reader } from '../../read-only.ts';

/** A type or a namespace as rows know it. */
interface SeriesName {
  /** By which rollups know it. */
  id: string;
  /** Its hash belongs to another name: rows of `events` have no id of it, but the name itself. */
  isInline: boolean;
  name: string;
}

/** The events of one namespace and type. */
export interface Series {
  projectId: number;
  namespace: SeriesName;
  type: SeriesName;
}

interface SeriesNames {
  projectId: number;
  namespace: string;
  type: string;
}

/**
 * Reads something of a series; undefined if nothing was ever stored of it. Nearly every name goes by its hash, so that the work begins
 * with that without waiting for the look at the names; where one does not, it is done once more.
 */
export async function ofSeries<T>(
  reader: Reader,
  names: SeriesNames,
  work: (series: Series) => Promise<T>,
): Promise<T | undefined> {
  const finding = findSeries(reader, names);
  const [found, presumed] = await Promise.allSettled([finding, work(presumedSeries(names))]);
  if (found.status === 'rejected') throw found.reason;
  const series = found.value;
  if (!series) return undefined;
  if (series.namespace.isInline || series.type.isInline) return work(series);
  if (presumed.status === 'rejected') throw presumed.reason;
  return presumed.value;
}

function presumedSeries({ projectId, namespace, type }: SeriesNames): Series {
  const named = (kind: NameKind, name: string): SeriesName => ({ id: nameId(kind, name), isInline: false, name });
  return { projectId, namespace: named(NAME_KINDS.namespace, namespace), type: named(NAME_KINDS.type, type) };
}

/** Undefined if no event of that namespace, or no event of that type, was ever stored. */
export async function findSeries(
  reader: Reader,
  { projectId, namespace, type }: SeriesNames,
): Promise<Series | undefined> {
  const { rows } = await reader.query<{ kind: number; name: string }>(
    plannedOnce(
      `SELECT kind, name FROM names WHERE project_id = $1
       AND ((kind = ${NAME_KINDS.namespace} AND id = $2) OR (kind = ${NAME_KINDS.type} AND id = $3))`,
      [projectId, nameId(NAME_KINDS.namespace, namespace), nameId(NAME_KINDS.type, type)],
    ),
  );
  const find = (kind: NameKind, name: string): SeriesName | undefined => {
    const stored = rows.find((row) => row.kind === kind);
    if (!stored) return undefined;
    const isInline = stored.name !== name;
    return { id: isInline ? inlineNameId(kind, name) : nameId(kind, name), isInline, name };
  };
  const [foundNamespace, foundType] = [find(NAME_KINDS.namespace, namespace), find(NAME_KINDS.type, type)];
  return foundNamespace && foundType && { projectId, namespace: foundNamespace, type: foundType };
}
