import { Ajv2020, type ErrorObject, type Options, type SchemaObject } from 'ajv/dist/2020.js';
import type { ItemCode } from './error-codes.ts';
import { findUnstorable } from './find-unstorable.ts';
import { jsonPointer, shownName } from './json-pointer.ts';
import type { EventError } from './problem.ts';
import { parseRfc3339 } from './rfc3339.ts';
import { isUuid } from './uuid.ts';

/**
 * What is wrong with the shape of a value that `JSON.parse` made: at most 10 errors; none if the schema allows it.
 * `escaped` is false where its text had no `\u` escape, which saves looking at every character.
 */
export type ShapeValidator = (value: unknown, text?: { escaped: boolean }) => EventError[];

const MAX_ERRORS = 10;
/** Of an object with more members than this only the first error is told: each unknown name would be one of its own. */
const MAX_EXPLAINED_MEMBERS = 100;

const CODE_OF_KEYWORD: Record<string, ItemCode> = {
  required: 'missing_field',
  additionalProperties: 'unknown_field',
  type: 'wrong_type',
  minLength: 'too_short',
  maxLength: 'too_long',
  enum: 'not_allowed',
  format: 'invalid_format',
  minimum: 'out_of_range',
  maximum: 'out_of_range',
};

const FORMAT_MESSAGES: Record<string, string> = {
  uuid: 'must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057',
  'date-time':
    'must be an RFC 3339 date-time with a zone, such as 2026-01-05T12:00:00.000Z, or epoch milliseconds as a number',
};

function messageOf({ keyword, params, instancePath, message }: ErrorObject, whole: string): string {
  switch (keyword) {
    case 'required':
      return `\`${params.missingProperty}\` is required`;
    case 'additionalProperties': {
      const owner = instancePath === '' ? whole : `\`${instancePath.slice(1)}\``;
      return `\`${shownName(params.additionalProperty)}\` is not a field of ${owner}`;
    }
    case 'type':
      return `must be of type ${[params.type].flat().join(' or ')}`;
    case 'enum':
      return `must be one of ${params.allowedValues.join(', ')}`;
    case 'minLength':
      return `must be at least ${params.limit} code points long`;
    case 'maxLength':
      return `must be at most ${params.limit} code points long`;
    case 'format':
      return FORMAT_MESSAGES[params.format] ?? 'is not of the right form';
    default:
      return message ?? 'is not valid';
  }
}

/** ajv points at the object; we point at the member that is missing or not known. */
function pointerOf({ instancePath, params }: ErrorObject): string {
  const member = params.missingProperty ?? params.additionalProperty;
  return member === undefined ? instancePath : `${instancePath}${jsonPointer([member])}`;
}

function isLarge(value: object): boolean {
  const members = Object.values(value);
  return [value, ...members].some(
    (one) => typeof one === 'object' && one !== null && Object.keys(one).length > MAX_EXPLAINED_MEMBERS,
  );
}

/**
 * Compiles a schema once (some ms); what comes back is fast. Beyond the schema it refuses what could not be kept as it is
 * (see `findUnstorable`).
 * @param whole what a value is called in messages, such as "an event"
 */
export function createShapeValidator(schema: SchemaObject, whole: string): ShapeValidator {
  const compile = (options: Options) => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, ...options });
    ajv.addFormat('uuid', { type: 'string', validate: isUuid });
    ajv.addFormat('date-time', { type: 'string', validate: (text: string) => parseRfc3339(text) !== undefined });
    return ajv.compile(schema);
  };
  // Counts code units, which is quicker and never fewer than the code points that a length limits; where it finds fault,
  // the exact ones decide. (No length of ours is at least more than 1, for which more units might hide too few points.)
  const isPlainlyValid = compile({ unicode: false, logger: false }); // it warns of `unicode`
  const isValid = compile({});
  const explain = compile({ allErrors: true });

  return (value, text) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [{ pointer: '', code: 'not_an_object', message: 'must be a JSON object' }];
    }
    // First: the other checks and the messages walk the value.
    const unstorable = findUnstorable(value, text);
    if (unstorable) return [unstorable];
    if (isPlainlyValid(value) || isValid(value)) return [];
    const { errors } = isLarge(value) || explain(value) ? isValid : explain;
    return (errors ?? []).slice(0, MAX_ERRORS).map((error) => ({
      pointer: pointerOf(error),
      code: CODE_OF_KEYWORD[error.keyword] ?? 'invalid_format',
      message: messageOf(error, whole),
    }));
  };
}
