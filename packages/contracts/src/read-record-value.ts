import type { DeadLetterCode } from './error-codes.ts';
import { FRAME_BYTES, isFramed } from './schema-frame.ts';

/** Why a record of the log can never be stored. */
export interface RecordRefusal {
  code: DeadLetterCode;
  /** A sentence for whoever wrote it. */
  detail: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const BAD_FRAME = {
  code: 'bad_frame',
  detail: 'the value ends within its frame, or with it: no JSON follows',
} as const;

/**
 * The JSON of a record's value, framed or not.
 * `escaped`: the text has \u escapes, without which it can hold neither NUL nor half a surrogate pair.
 */
export function readRecordValue(
  value: Uint8Array | null,
): { json: unknown; escaped: boolean } | { refused: RecordRefusal } {
  if (value === null || value.length === 0) return { refused: { code: 'empty', detail: 'the record has no value' } };
  const framed = isFramed(value);
  if (framed && value.length <= FRAME_BYTES) return { refused: BAD_FRAME };
  try {
    const text = utf8.decode(framed ? value.subarray(FRAME_BYTES) : value);
    return { json: JSON.parse(text), escaped: text.includes('\\u') };
  } catch (error) {
    const detail = error instanceof SyntaxError ? `the value is not JSON: ${error.message}` : 'the value is not UTF-8';
    return { refused: { code: 'unreadable', detail } };
  }
}
