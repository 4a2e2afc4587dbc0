import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { LIMITS } from '@wayline/contracts';
import { dataFolder } from '../data-folder.ts';
import { ACCESS_LINE_BYTES } from './access-log-event.ts';
import { accessLogEvents } from './access-log-events.ts';
import type { ImportEvent, LineListener, Tally } from './import-event.ts';
import { type ImportReport, summaryOf } from './import-report.ts';
import { importSalt } from './import-salt.ts';
import { NDJSON_LINE_BYTES, ndjsonEvents } from './ndjson-events.ts';
import { type ImportInput, openInput } from './open-input.ts';
import { duration, type ProgressOutput, type ProgressState, showProgress } from './progress.ts';
import { createPseudonyms } from './pseudonyms.ts';
import { readLines } from './read-lines.ts';
import { createRefusalList } from './refusal-list.ts';
import { openRejectsFile } from './rejects-file.ts';
import { sendInLanes } from './send-in-lanes.ts';
import { sendPatiently } from './send-patiently.ts';
import type { SortOptions } from './sort-lines.ts';

export type ImportFormat = 'ndjson' | 'access-log';

export interface ImportOptions {
  input: ImportInput;
  format: ImportFormat;
  /** Of the running Wayline, without a slash at the end. */
  url: string;
  /** A write key, or an access token with the scope `write`. */
  credential: string;
  /** Where the salt is kept, and what does not fit into memory is sorted. */
  dataDir: string;
  /** Holds the salt in place of the data folder. */
  saltFile?: string;
  /** Access logs: the name of the app that the requests were made to. Default `website`. */
  source?: string;
  /** Batches in flight. Default 4. */
  concurrency?: number;
  /** Where every refused line is told; the first ones are told in `log` anyway. */
  rejectsFile?: string;
  /** Takes progress, warnings and the summary. */
  log: ProgressOutput;
  /** Stops the import; what was sent stays. */
  signal: AbortSignal;
  /** For tests. */
  tuning?: { sort?: Pick<SortOptions, 'memoryBytes' | 'maxRuns'>; firstPauseMs?: number; batchEvents?: number };
}

/** Well below what a request may have, so that four in flight and four that fill stay small. */
const BATCH_BYTES = LIMITS.bodyBytes / 2;
const SAME_NOTE_MS = 15_000;

/**
 * Imports history through the public HTTP API. Ids follow from the lines, and a session's events are sent in order, so an
 * import may be stopped at any moment and run again: nothing is stored twice. Resolves when all was sent, or the signal
 * stopped it; refused lines are in the report, and do not stop it.
 * @throws UsageError if the input, the salt or the key will not do; ImportError if it cannot go on
 */
export async function runImport(options: ImportOptions): Promise<ImportReport> {
  const { input, format, log, signal, concurrency = 4, tuning = {} } = options;
  const begun = performance.now();
  const tally: Tally = { lines: 0, events: 0, placed: 0, sessions: 0, cut: 0 };
  const sent = { events: 0, accepted: 0 };

  const stop = new AbortController();
  const opened = await openInput(input, stop.signal);
  const rejects = options.rejectsFile === undefined ? undefined : openRejectsFile(options.rejectsFile);
  const interrupt = () => stop.abort(signal.reason);
  if (signal.aborted) interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  const progress = showProgress(log, state);
  const refusals = createRefusalList(progress.note, rejects?.write);
  const noteWait = occasionally(progress.note);

  /** An access log is read to its end before the first event is sent. */
  function state(): ProgressState {
    const share = opened.share();
    if (format === 'ndjson') return { phase: 'sending', done: sent.events, unit: 'events', share };
    const { lines, events, placed } = tally;
    if (placed === 0) return { phase: 'reading', done: lines, unit: 'lines', share };
    if (placed < events) return { phase: 'sorting', done: placed, unit: 'events', share: placed / events };
    return { phase: 'sending', done: sent.events, unit: 'events', share: sent.events / events };
  }

  async function send(batch: ImportEvent[]): Promise<void> {
    const { url, credential } = options;
    const { accepted, refused } = await sendPatiently(batch, {
      url,
      credential,
      signal: stop.signal,
      firstPauseMs: tuning.firstPauseMs,
      onWait: (reason, pauseMs) => noteWait(`${reason}; trying again in ${duration(pauseMs / 1000)}`, reason),
    });
    sent.accepted += accepted;
    sent.events += batch.length;
    for (const refusal of refused) refusals.add(refusal);
  }

  function report(): ImportReport {
    return {
      lines: tally.lines,
      accepted: sent.accepted,
      refused: refusals.count,
      refusedByCode: refusals.byCode,
      sessions: format === 'access-log' ? tally.sessions : undefined,
      cut: tally.cut,
      seconds: (performance.now() - begun) / 1000,
      interrupted: signal.aborted && !complete,
    };
  }

  let complete = false;
  try {
    const listener = { tally, refuse: refusals.add };
    const events = await eventsOf(options, opened.chunks, { listener, signal: stop.signal });
    await sendInLanes(events, {
      lanes: concurrency,
      maxEvents: tuning.batchEvents ?? LIMITS.eventsPerRequest,
      maxBytes: BATCH_BYTES,
      send,
      stop,
    });
    complete = true;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    progress.end();
    rejects?.close();
    const worthTelling = complete || signal.aborted || sent.accepted > 0;
    if (worthTelling) for (const line of summaryOf(report(), complete)) log.write(`${line}\n`);
  }
  return report();
}

async function eventsOf(
  { format, dataDir, saltFile, source = 'website', tuning }: ImportOptions,
  chunks: AsyncIterable<Buffer>,
  { listener, signal }: { listener: LineListener; signal: AbortSignal },
): Promise<AsyncGenerator<ImportEvent[]>> {
  if (format === 'ndjson') return ndjsonEvents(readLines(chunks, { maxBytes: NDJSON_LINE_BYTES }), listener);
  const pseudonyms = createPseudonyms(await importSalt({ saltFile, dataDir }));
  const lines = readLines(chunks, { maxBytes: ACCESS_LINE_BYTES });
  const sort = { folder: await spoolFolder(dataDir), signal, ...tuning?.sort };
  return accessLogEvents(lines, listener, { pseudonyms, source, sort });
}

/** The data folder where there is one: it is on a disk that has room. */
async function spoolFolder(dataDir: string): Promise<string> {
  const { path } = dataFolder(dataDir);
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? path : tmpdir();
}

/** Several batches wait for the same thing: it is said once, and then from time to time. */
function occasionally(tell: (text: string) => void): (text: string, topic: string) => void {
  let last: { topic: string; at: number } | undefined;
  return (text, topic) => {
    const now = performance.now();
    if (last?.topic === topic && now - last.at < SAME_NOTE_MS) return;
    last = { topic, at: now };
    tell(text);
  };
}
