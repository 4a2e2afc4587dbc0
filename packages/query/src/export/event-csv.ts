import type { StoredEvent } from '@wayline/store';

/** What becomes of texts that a spreadsheet would run as a formula: they come from whoever may send events. */
export type Formulas = 'keep' | 'escape';

/** The columns, in their order: the names of the JSON form, those of the source one by one, the context as JSON. */
export const CSV_COLUMNS = [
  'eventId',
  'sessionId',
  'type',
  'namespace',
  'occurredAt',
  'correctedAt',
  'receivedAt',
  'skewMs',
  'userId',
  'anonymousId',
  'machineId',
  'platform',
  'sourceKind',
  'sourceName',
  'sourceVersion',
  'sourceInstance',
  'target',
  'page',
  'referrer',
  'userAgent',
  'value',
  'seq',
  'context',
] as const;

export const CSV_HEADER = `${CSV_COLUMNS.join(',')}\r\n`;

const NEEDS_QUOTES = /[",\r\n]/;
/** What OWASP names as beginning a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** RFC 4180. What is absent is empty; an empty text is `""`. */
const field = (text: string | undefined): string => {
  if (text === undefined) return '';
  return text === '' || NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const escaped = (text: string | undefined): string =>
  field(text !== undefined && FORMULA.test(text) ? `'${text}` : text);

const number = (value: number | undefined): string => (value === undefined ? '' : String(value));

/** An event as a line of CSV, its end included. With `escape` an apostrophe stands before what would be a formula. */
export function eventCsv(
  event: StoredEvent,
  { formulas, tell }: { formulas: Formulas; tell: (ms: number) => string },
): string {
  const text = formulas === 'escape' ? escaped : field;
  const { source } = event;
  const fields = [
    event.eventId,
    text(event.sessionId),
    text(event.type),
    text(event.namespace),
    tell(event.occurredMs),
    tell(event.correctedMs),
    tell(event.receivedMs),
    event.skewMs,
    text(event.userId),
    text(event.anonymousId),
    text(event.machineId),
    event.platform ?? '',
    source?.kind ?? '',
    text(source?.name),
    text(source?.version),
    text(source?.instance),
    text(event.target),
    text(event.page),
    text(event.referrer),
    text(event.userAgent),
    number(event.value),
    number(event.seq),
    field(event.context),
  ];
  return `${fields.join(',')}\r\n`;
}
