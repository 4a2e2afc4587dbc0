import { type EventError, parseRfc3339 } from '@wayline/contracts';
import { fieldText } from './field-text.ts';

/** A request as a line of an access log tells it; what the log has as `-`, or what the line ends before, is absent. */
export interface AccessLine {
  /** Client address or host name. */
  address: string;
  timeMs: number;
  method?: string;
  /** With its query, as it was asked for. */
  path?: string;
  protocol?: string;
  /** What was sent in place of a request line, where it is none. */
  oddRequest?: string;
  status?: number;
  bytes?: number;
  referrer?: string;
  userAgent?: string;
}

const HEAD = /^(\S+)\s(?:.*?\s)?\[(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)\]\s*/s;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const NUMBERS = /\s+(\d{3}|-)(?:\s+(\d{1,15}|-))?(?=\s|$)\s*/y;
const METHOD = /^[!#$%&'*+.^_`|~\w-]{1,64}$/;
const PROTOCOL = /^HTTP\/\d(?:\.\d)?$/;

/** What must come after the quote that ends a field; another quote belongs to the field, escaped or not. */
const AFTER_REQUEST = /\s+(?:\d{3}|-)(?:\s|$)|\s*$/y;
const AFTER_REFERRER = /\s+"|\s*$/y;
const AFTER_AGENT = /\s|$/y;

interface Field {
  raw: string;
  /** Where the line goes on. */
  next: number;
  /** There are quotes inside that nobody escaped. */
  innerQuotes: boolean;
}

/** A field whose opening quote stands at `from`. Without a closing one, it goes as far as the line does. */
function quoted(line: string, from: number, after: RegExp): Field {
  let innerQuotes = false;
  for (let i = from + 1; i < line.length; i++) {
    const char = line.charCodeAt(i);
    if (char === 0x5c) i++; // a backslash: what it escapes does not end the field
    if (char !== 0x22) continue;
    after.lastIndex = i + 1;
    if (after.test(line)) return { raw: line.slice(from + 1, i), next: i + 1, innerQuotes };
    innerQuotes = true;
  }
  return { raw: line.slice(from + 1), next: line.length, innerQuotes };
}

const invalid = (message: string): EventError => ({ pointer: '', code: 'invalid_format', message });

function timeOf([, , day, month, year, clock, zoneHours, zoneMinutes]: RegExpExecArray): number | undefined {
  const number = MONTHS.indexOf((month as string).toLowerCase()) + 1;
  return parseRfc3339(`${year}-${String(number).padStart(2, '0')}-${day}T${clock}${zoneHours}:${zoneMinutes}`);
}

const present = (raw: string): string | undefined => (raw === '-' || raw === '' ? undefined : fieldText(raw));

/**
 * Reads a line in the combined (or common) format of Apache and nginx. Tolerant: fields may hold quotes, end nowhere, or be
 * missing from the end on; fields after the agent are passed over.
 * @param line its bytes as Latin-1
 */
export function parseAccessLine(line: string): AccessLine | EventError {
  const head = HEAD.exec(line);
  if (!head) return invalid('is not in combined format: it must begin with: address - - [17/May/2015:10:05:03 +0000]');
  const timeMs = timeOf(head);
  if (timeMs === undefined) return invalid(`has a time that does not exist: ${head[0].slice(head[0].indexOf('['))}`);
  const result: AccessLine = { address: head[1] as string, timeMs };

  if (line[head[0].length] !== '"')
    return invalid('is not in combined format: after the time, a quoted request is expected');
  const request = quoted(line, head[0].length, AFTER_REQUEST);
  Object.assign(result, readRequest(present(request.raw)));

  NUMBERS.lastIndex = request.next;
  const numbers = NUMBERS.exec(line);
  if (!numbers && request.innerQuotes) {
    return invalid('is not in combined format: after the request, a status is expected');
  }
  if (!numbers) return result;
  const end = NUMBERS.lastIndex;
  const [, status, bytes] = numbers;
  if (status !== '-') result.status = Number(status);
  if (bytes !== undefined) result.bytes = bytes === '-' ? 0 : Number(bytes); // Apache's way to say that none were sent

  if (line[end] !== '"') return result;
  const referrer = quoted(line, end, AFTER_REFERRER);
  result.referrer = present(referrer.raw);
  const agentAt = line.indexOf('"', referrer.next);
  if (agentAt !== -1) result.userAgent = present(quoted(line, agentAt, AFTER_AGENT).raw);
  return result;
}

function readRequest(text: string | undefined): Pick<AccessLine, 'method' | 'path' | 'protocol' | 'oddRequest'> {
  if (text === undefined) return {};
  const line = text.trimEnd();
  const afterMethod = line.indexOf(' ');
  const last = line.slice(line.lastIndexOf(' ') + 1);
  const protocol = PROTOCOL.test(last) ? last : undefined;
  const method = line.slice(0, Math.max(afterMethod, 0));
  const path = line.slice(afterMethod + 1, protocol === undefined ? undefined : -protocol.length).trim();
  // HTTP/0.9 names no protocol; then only a path tells a request from noise.
  const readable = METHOD.test(method) && path !== '' && (protocol !== undefined || path.startsWith('/'));
  return readable ? { method, path, protocol } : { oddRequest: text };
}
