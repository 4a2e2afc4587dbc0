import type { EventError } from '@wayline/contracts';

/** An event on its way from a line of the input to the API. */
export interface ImportEvent {
  /** Number of its line, from 1. */
  line: number;
  /** Its events are sent in order. */
  sessionId: string;
  /** The event, without a line end. */
  json: string;
}

/** A line that was not imported, and why: found here, or answered by the API. */
export interface Refusal {
  line: number;
  /** At least one. */
  errors: EventError[];
}

/** What is counted while lines become events. */
export interface Tally {
  /** Lines read, empty ones not counted. */
  lines: number;
  /** Events found, before the API judged them. */
  events: number;
  /** Events of which the session is known. */
  placed: number;
  sessions: number;
  /** Lines of which a field was cut to the length that an event may hold. */
  cut: number;
}

/** Told of what happens to lines. */
export interface LineListener {
  tally: Tally;
  refuse(refusal: Refusal): void;
}

/** The import cannot go on; the message is one sentence for the operator. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}
