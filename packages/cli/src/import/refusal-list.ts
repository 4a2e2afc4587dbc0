import type { Refusal } from './import-event.ts';

/** Keeps count of refused lines, and tells of the first ones. */
export interface RefusalList {
  add(refusal: Refusal): void;
  readonly count: number;
  /** Refused lines by the code of their first error. */
  readonly byCode: Readonly<Record<string, number>>;
}

const SHOWN = 20;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a message may quote the input, which must not reach the terminal raw
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * @param tell takes the first refusals as texts, a line each
 * @param record takes every refusal
 */
export function createRefusalList(
  tell: (text: string) => void,
  record: (refusal: Refusal) => void = () => {},
): RefusalList {
  const byCode: Record<string, number> = {};
  let count = 0;
  return {
    byCode,
    get count() {
      return count;
    },
    add(refusal) {
      const code = refusal.errors[0]?.code ?? 'refused';
      byCode[code] = (byCode[code] ?? 0) + 1;
      count++;
      record(refusal);
      if (count <= SHOWN) tell(refusalText(refusal));
      else if (count === SHOWN + 1) tell('further refused lines are only counted');
    },
  };
}

/** `line 7 is refused: invalid_json: …; at /type: too_short: …` */
function refusalText({ line, errors }: Refusal): string {
  const reasons = errors.map(({ pointer, code, message }) => `${pointer && `at ${pointer}: `}${code}: ${message}`);
  return `line ${line} is refused: ${reasons.join('; ')}`.replace(CONTROL, ' ');
}
