const HUES = 6;

/** Always the same of so many colours for a name; 0 is nobody's. */
export function hueOf(name: string | undefined): number {
  if (!name) return 0;
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return 1 + (hash % HUES);
}
