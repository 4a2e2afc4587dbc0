import { createHash } from 'node:crypto';

/** Kinds of names in the table `names`. */
export const NAME_KINDS = { type: 1, namespace: 2, userAgent: 3 } as const;
export type NameKind = (typeof NAME_KINDS)[keyof typeof NAME_KINDS];

/** Stored as smallint; the number of a platform never changes. */
export const PLATFORMS = { web: 1, mobile: 2, desktop: 3, embedded: 4, server: 5 } as const;
export type Platform = keyof typeof PLATFORMS;

/** Stored as smallint in `sources`. */
export const SOURCE_KINDS = { app: 1, microservice: 2 } as const;

export interface Source {
  kind: keyof typeof SOURCE_KINDS;
  name: string;
  version?: string | undefined;
  instance?: string | undefined;
}

const hash64 = (text: string): string => createHash('sha256').update(text).digest().readBigInt64BE(0).toString();

/** The 64-bit id of a name, as the decimal text of a signed bigint. */
export function nameId(kind: NameKind, name: string): string {
  return hash64(`${kind}\0${name}`);
}

/** By which rollups know a name that stands inline, since `nameId` of it belongs to another name. */
export function inlineNameId(kind: NameKind, name: string): string {
  return nameId(kind, `${name}\0`);
}

/** The 64-bit id of a source, over all four of its parts; an absent part differs from an empty one. */
export function sourceId({ kind, name, version, instance }: Source): string {
  return hash64(JSON.stringify([kind, name, version ?? null, instance ?? null]));
}
