import { type EventError, type ItemCode, parseRfc3339 } from '@wayline/contracts';

/** A CloudEvent of the right form; extensions stand beside the attributes that the specification names. */
export interface CloudEvent extends Record<string, unknown> {
  id: string;
  source: string;
  type: string;
  specversion: '1.0';
  time?: string;
  subject?: string;
  datacontenttype?: string;
  dataschema?: string;
  data?: unknown;
  data_base64?: string;
}

const MAX_ERRORS = 10;
const TEXTS = ['id', 'source', 'type', 'specversion', 'time', 'subject', 'datacontenttype', 'dataschema'];
const REQUIRED = ['specversion', 'id', 'source', 'type'];
const NO_ATTRIBUTES = new Set(['data', 'data_base64']);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What the specification of CloudEvents 1.0 does not allow; where there is nothing, it is a `CloudEvent`. */
export function checkAttributes(event: Record<string, unknown>): EventError[] {
  const errors: EventError[] = [];
  const wrong = (name: string, code: ItemCode, message: string) => {
    if (errors.length < MAX_ERRORS) errors.push({ pointer: `/${name.slice(0, 128)}`, code, message });
  };
  for (const name of REQUIRED) {
    if (event[name] === undefined) wrong(name, 'missing_field', `the attribute \`${name}\` is required`);
  }
  for (const [name, value] of Object.entries(event)) {
    if (NO_ATTRIBUTES.has(name)) continue;
    if (!/^[a-z0-9]+$/.test(name)) {
      const say = /^[a-z0-9]+$/i.test(name) ? `; write \`${name.toLowerCase().slice(0, 128)}\`` : '';
      wrong(shown(name), 'unknown_field', `names of attributes are lower-case letters and digits${say}`);
    } else if (TEXTS.includes(name)) {
      if (typeof value !== 'string') wrong(name, 'wrong_type', 'must be of type string');
      else if (value === '') wrong(name, 'too_short', 'must be at least 1 code points long');
    } else if (typeof value === 'object') {
      wrong(name, 'wrong_type', 'an extension must be a text, a number or a boolean');
    }
  }
  const { specversion, time, data, data_base64 } = event;
  if (typeof specversion === 'string' && specversion !== '1.0') wrong('specversion', 'not_allowed', 'must be 1.0');
  if (typeof time === 'string' && parseRfc3339(time) === undefined) {
    wrong('time', 'invalid_format', 'must be an RFC 3339 date-time with a zone, such as 2026-01-05T12:00:00.000Z');
  }
  if (data !== undefined && data_base64 !== undefined) {
    wrong('data_base64', 'not_allowed', 'must not stand beside `data`');
  } else if (data_base64 !== undefined && !(typeof data_base64 === 'string' && BASE64.test(data_base64))) {
    wrong('data_base64', 'invalid_format', 'must be base64');
  }
  return errors;
}

/** A name as it may stand in a JSON Pointer. */
const shown = (name: string): string => name.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
