import type { HttpLogger } from '@wayline/http';
import type { Reader, Writer } from '@wayline/store';
import type { Completeness } from './completeness.ts';
import { isoTime } from './iso-time.ts';
import type { Parameters } from './parameters.ts';

/** One request, its credential and address read. All that it may see is the project's. */
export interface Asked {
  projectId: number;
  /** What stands in the address in place of `:id`; '' where there is none. */
  id: string;
  parameters: Parameters;
  /** All that stands in the address in place of a `:name`. */
  path: Readonly<Record<string, string>>;
  /** Sets a header of the answer. */
  setHeader(name: string, value: string): void;
  /** The object in the body; an empty one where there is none. */
  body: Readonly<Record<string, unknown>>;
  /** Whether the caller may write times from 2000 on. */
  allowImport: boolean;
  requestId: string;
  /** Who asks, for the log of the program. */
  caller: { projectId: number; subject: string };
  /** Aborted when the client goes away before it was answered: for `Sources.read`. */
  signal: AbortSignal;
}

/** JSON as text or as bytes, or a value to be written as JSON. */
export interface Answer {
  status?: number;
  body: object | { json: string | Buffer };
}

/** What doors read from. */
export interface Sources {
  /**
   * Runs queries over one snapshot; faults of the database become problem documents. The work may be run twice: see `readOnly`.
   * @param signal the request's: when its client goes away, the statement in hand is ended in the database
   */
  read<T>(work: (reader: Reader) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Runs statements in one transaction; faults of the database become problem documents. */
  write<T>(work: (writer: Writer) => Promise<T>): Promise<T>;
  /** To be awaited before `read`. As it was up to half a second ago: what was complete through a time then, is so now. */
  completeness(): Promise<Completeness>;
  /** The same as it is now, for answers that count whatever was acknowledged before the question. It asks the log. */
  completenessNow(): Promise<Completeness>;
  /** After so long without an event a session counts as ended, ms. */
  idleMs: number;
  /** For projects without a retention of their own: so long events are kept; undefined: for ever. */
  retentionDays: number | undefined;
  /** Epoch ms. */
  now(): number;
  logger: Pick<HttpLogger, 'info'>;
}

export type Door = (asked: Asked) => Promise<Answer>;

/** What every answer over a time range says beside its data. */
export function completenessFields({ throughMs, reason, lagging }: Completeness): object {
  return throughMs === null
    ? { completeThrough: null, completeThroughReason: reason }
    : { completeThrough: isoTime(throughMs), lagging };
}

/** The same, for answers whose form has no place for it. */
export function tellCompleteness({ throughMs }: Completeness, { setHeader }: Pick<Asked, 'setHeader'>): void {
  if (throughMs !== null) setHeader('Wayline-Complete-Through', isoTime(throughMs));
}
