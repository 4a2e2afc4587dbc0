import type { ItemCode } from './error-codes.ts';
import { jsonPointer } from './json-pointer.ts';
import { LIMITS } from './limits.ts';
import type { EventError } from './problem.ts';

interface Finding {
  code: ItemCode;
  message: string;
  /** Names and indexes that lead to the place, innermost first. */
  path: string[];
}

const nul: Omit<Finding, 'path'> = { code: 'contains_nul', message: 'contains the NUL character (U+0000)' };
const surrogate: Omit<Finding, 'path'> = {
  code: 'lone_surrogate',
  message: 'contains half of a surrogate pair (U+D800 to U+DFFF)',
};
const infinite: Omit<Finding, 'path'> = {
  code: 'number_out_of_range',
  message: 'is beyond the range of a double',
};
const deep: Omit<Finding, 'path'> = {
  code: 'too_deep',
  message: `is nested deeper than ${LIMITS.jsonDepth} levels`,
};

function searchText(text: string): Finding | undefined {
  if (text.includes('\0')) return { ...nul, path: [] };
  if (!text.isWellFormed()) return { ...surrogate, path: [] };
  return undefined;
}

/** Never goes deeper than the levels allowed, so that no input overflows the stack. */
function search(value: unknown, level: number, texts: boolean): Finding | undefined {
  if (typeof value === 'string') return texts ? searchText(value) : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { ...infinite, path: [] };
  if (typeof value !== 'object' || value === null) return undefined;
  if (level > LIMITS.jsonDepth) return { ...deep, path: [] };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = search(value[i], level + 1, texts);
      if (found) return within(found, String(i));
    }
    return undefined;
  }
  for (const name in value) {
    const found =
      (texts ? searchText(name) : undefined) ?? search((value as Record<string, unknown>)[name], level + 1, texts);
    if (found) return within(found, name);
  }
  return undefined;
}

function within(found: Finding, member: string): Finding {
  found.path.push(member);
  return found;
}

/**
 * The first thing in a value made by `JSON.parse` that could not be kept as it is: NUL or half of a surrogate pair in a
 * text or a name, a number beyond a double (`JSON.parse` makes it infinite), or too many levels. Else undefined.
 * @param options.escaped whether the JSON had `\u` escapes: without one, UTF-8 can write neither NUL nor half a pair
 */
export function findUnstorable(value: unknown, { escaped = true }: { escaped?: boolean } = {}): EventError | undefined {
  const found = search(value, 1, escaped);
  return found && { pointer: jsonPointer(found.path.reverse()), code: found.code, message: found.message };
}
