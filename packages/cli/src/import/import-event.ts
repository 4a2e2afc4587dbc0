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

/** The import cannot go on; the message is one sentence for the operator. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}
