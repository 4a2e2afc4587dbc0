/** Topics of the log. All are keyed by session id, but `settings`. */
export const TOPICS = {
  /** Judged at the door; only ingest (and query, for replays) writes it. */
  events: 'wayline.events',
  /** Services write it themselves; the worker authenticates and validates every record. */
  direct: 'wayline.direct',
  /** Compacted: projects, revoked keys, limits, origins. */
  settings: 'wayline.settings',
} as const;

/** The header of a record in `wayline.direct` that carries the write key. */
export const KEY_HEADER = 'wayline-key';

/** The header of a record in `wayline.events` that carries the id of the request it came with; beside it `traceparent` and `tracestate`. */
export const REQUEST_ID_HEADER = 'wayline-request-id';

/** The header of a record in `wayline.events` that replays a dead letter: the number of the dead letter. */
export const REPLAY_HEADER = 'wayline-replay-of';
