import type { Area, Operation, Parameter, Success } from './operation.ts';
import { RANGE } from './parameters.ts';
import { READS } from './problem-answers.ts';
import { SAMPLE } from './samples.ts';
import { list, object, oneOf, only, orNull, ref, text } from './schemas.ts';

const OPEN = { type: 'object' };

const FORMAT: Parameter = {
  name: 'format',
  description: 'Of the lines.',
  schema: { ...oneOf('ndjson', 'csv'), default: 'ndjson' },
};
const FORMULAS: Parameter = {
  name: 'formulas',
  description: 'In CSV, `escape` puts an apostrophe before texts that a spreadsheet would run.',
  schema: { ...oneOf('keep', 'escape'), default: 'keep' },
};

/** Of all answers of any length. */
export const EXPORT_HEADERS = {
  'Content-Disposition': 'A name for whoever saves it.',
  'Wayline-Complete-Through': 'As `completeThrough` elsewhere; `unknown` where the log could not be asked.',
  'Wayline-Lagging': 'Partitions that are behind; absent where none is.',
};

const lines: Success = {
  description:
    'A line an event: as `StoredEvent`, or the same in CSV with a header. What breaks off ends with a reset connection; the trailer `Wayline-Events` counts the events.',
  content: {
    'application/x-ndjson': ref('StoredEvent'),
    'text/csv': text('RFC 4180; the columns are the fields of an event, those of its source one by one.'),
  },
  headers: EXPORT_HEADERS,
};

const reads: Pick<Operation, 'method' | 'scope'> = { method: 'get', scope: 'read' };

/** Answers of any length. */
export const exports: Area = {
  name: 'Exports',
  description: 'Answers of any length, in the forms that other programs read.',
  roles: ['query'],
  schemas: {
    OtlpTrace: {
      ...object({ resourceSpans: list(OPEN) }),
      description:
        'OTLP/JSON (`TracesData`): one trace, a span for the session and each source, events as span events.',
    },
    ChromeTrace: {
      ...object({
        displayTimeUnit: only('ms'),
        otherData: object({ sessionId: text(), previousSessionId: orNull(text()) }),
        traceEvents: list(OPEN),
      }),
      description: "Chrome's trace-event format, in the form of an object.",
    },
  },
  operations: [
    {
      ...reads,
      id: 'readSessionTrace',
      path: '/v1/sessions/{id}/trace',
      summary: 'A session for trace viewers',
      query: [{ name: 'format', description: 'Whose.', schema: { ...oneOf('otlp', 'chrome'), default: 'otlp' } }],
      success: {
        200: {
          description: 'The trace.',
          schema: { oneOf: [ref('OtlpTrace'), ref('ChromeTrace')] },
          headers: EXPORT_HEADERS,
        },
      },
      problems: [...READS, 'not_found'],
      example: { path: { id: 's-2' }, query: { format: 'chrome' } },
    },
    {
      ...reads,
      id: 'exportSession',
      path: '/v1/sessions/{id}/export',
      summary: 'All events of a session, in its order',
      query: ['type', FORMAT, FORMULAS],
      success: { 200: lines },
      problems: [...READS, 'not_found'],
      example: { path: { id: 's-2' } },
    },
    {
      ...reads,
      id: 'exportMachine',
      path: '/v1/machines/{id}/export',
      summary: 'All events of a machine, by its own clock',
      query: [...RANGE, FORMAT, FORMULAS],
      success: { 200: lines },
      problems: READS,
      example: { path: { id: 'm-3' }, query: { format: 'csv' } },
    },
    {
      ...reads,
      id: 'exportEvents',
      path: '/v1/export',
      summary: 'All events of the project in a time range, in no order',
      query: [...RANGE, 'type', FORMAT, FORMULAS],
      success: { 200: lines },
      problems: READS,
      example: { query: { from: SAMPLE.from, to: SAMPLE.to } },
    },
  ],
};
