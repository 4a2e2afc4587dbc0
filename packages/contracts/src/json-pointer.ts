const LONGEST_NAME = 128;

/** A name as it may stand in an answer: as it is, but cut where it is very long, so that no answer outgrows its request. */
export function shownName(name: string): string {
  return (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name).toWellFormed();
}

/** The JSON Pointer (RFC 6901) that names and indexes lead to; '' for none. Very long names are cut. */
export function jsonPointer(path: readonly string[]): string {
  return path.map((name) => `/${shownName(name).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
