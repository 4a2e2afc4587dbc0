/** What the API tells of a dead letter, as far as it is shown to people. */
export interface DeadLetterJson {
  id: string;
  state: string;
  code: string;
  detail: string;
  cause: string;
  eventId: string | null;
  sessionId: string | null;
  logId: string;
  topic: string;
  partition: number;
  offset: number;
  logTime: string;
  createdAt: string;
  replayedAt: string | null;
  discardedAt: string | null;
}

type BytesJson = { bytes: number } & ({ text: string } | { base64: string });

export interface ShownJson extends DeadLetterJson {
  record: { key: BytesJson | null; value: BytesJson | null; headers: Record<string, string> };
  event: unknown;
  replay: unknown;
}

export interface CauseJson {
  cause: string;
  code: string;
  detail: string;
  count: number;
  open: number;
  firstAt: string;
  lastAt: string;
  exampleId: string;
}

export interface ReplayJson {
  id: string;
  outcome: 'replayed' | 'would-replay' | 'refused';
  eventId?: string;
  sessionId?: string;
  errors?: { pointer: string; code: string; message: string }[];
}

export interface DiscardJson {
  id: string;
  outcome: string;
}

const LONGEST_DETAIL = 160;

export function deadLetterLine(letter: DeadLetterJson): string {
  const { id, logTime, state, code, topic, partition, offset, sessionId, detail } = letter;
  const place = `${topic}/${partition}/${offset}`;
  return columns(id, logTime, state, code, place, sessionId ?? '-', shortened(detail));
}

export function causeLine({ cause, code, count, open, firstAt, lastAt, exampleId, detail }: CauseJson): string {
  const times = firstAt === lastAt ? firstAt : `${firstAt} to ${lastAt}`;
  return columns(`${count} (${open} open)`, cause, code, times, `as ${exampleId}`, shortened(detail));
}

export function deadLetterText(letter: ShownJson): string {
  const { id, state, code, detail, cause, eventId, sessionId, logId, topic, partition, offset, record } = letter;
  const moments = [
    ['put aside', letter.createdAt],
    ['replayed', letter.replayedAt],
    ['discarded', letter.discardedAt],
  ].filter(([, time]) => time !== null);
  const lines = [
    `Dead letter ${id}, ${state}`,
    `  reason     ${code}: ${detail}`,
    `  cause      ${cause}`,
    `  event      ${eventId ?? 'without an id that could be read'}`,
    `  session    ${sessionId ?? '-'}`,
    `  log        ${topic}, partition ${partition}, offset ${offset}, of ${logId}`,
    `  log time   ${letter.logTime}`,
    ...moments.map(([name, time]) => `  ${String(name).padEnd(10)} ${time}`),
    ...Object.entries(record.headers).map(([name, text]) => `  header     ${name}: ${text}`),
    `  key        ${bytesText(record.key)}`,
    `  value      ${bytesText(record.value)}`,
    ...(letter.replay ? [`  replay     ${JSON.stringify(letter.replay)}`] : []),
  ];
  return lines.map(harmless).join('\n');
}

export function replayLine({ id, outcome, eventId, sessionId, errors = [] }: ReplayJson): string {
  const why = errors
    .map(({ pointer, code, message }) => `${code}: ${pointer ? `${pointer} ` : ''}${message}`)
    .join('; ');
  return outcome === 'refused' ? columns(id, outcome, why) : columns(id, outcome, eventId ?? '', sessionId ?? '');
}

export const discardLine = ({ id, outcome }: DiscardJson): string => columns(id, outcome);

const columns = (...cells: string[]): string => harmless(cells.join('  '));

const shortened = (text: string): string =>
  text.length > LONGEST_DETAIL ? `${text.slice(0, LONGEST_DETAIL).toWellFormed()}…` : text;

function bytesText(given: BytesJson | null): string {
  if (given === null) return '(none)';
  return 'text' in given ? `${given.bytes} bytes: ${given.text}` : `${given.bytes} bytes, base64: ${given.base64}`;
}

/** Anybody who has a key wrote these texts: what would steer a terminal is shown, and not done. */
function harmless(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
