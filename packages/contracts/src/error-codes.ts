/** What is wrong with one event of a request; `errors[].code`, and the reason of a dead letter. */
export const ITEM_CODES = {
  invalid_json: 'The text is not valid JSON.',
  not_an_object: 'An event must be a JSON object.',
  missing_field: 'A required field is absent.',
  unknown_field: 'The field is not part of the event; put it into `context` if it is yours.',
  wrong_type: 'The value is of the wrong type.',
  too_short: 'The text is shorter than allowed.',
  too_long: 'The text is longer than allowed, in Unicode code points.',
  not_allowed: 'The value is not one of those allowed.',
  invalid_format: 'The text does not have the form that the field needs.',
  out_of_range: 'The number is outside the range allowed.',
  contains_nul: 'A text contains the NUL character, which cannot be stored.',
  lone_surrogate: 'A text contains half of a surrogate pair, which cannot be stored.',
  too_deep: 'The JSON is nested deeper than allowed.',
  number_out_of_range: 'A number is beyond the range of a double, and could not be kept as it is.',
  context_too_large: '`context` is larger than allowed, in UTF-8 bytes as JSON.',
  time_too_old: 'The corrected time lies further back than the key allows.',
  time_too_new: 'The corrected time lies too far ahead.',
  session_mismatch: '`sessionId` differs from the session in the address.',
} as const;
export type ItemCode = keyof typeof ITEM_CODES;

/** Why a whole request was refused; `code` of a problem document. `retryable`: the same request may succeed later. */
export const PROBLEM_CODES = {
  invalid_request: { status: 400, title: 'The request is not valid', retryable: false },
  invalid_json: { status: 400, title: 'The body is not valid JSON', retryable: false },
  invalid_encoding: {
    status: 400,
    title: 'The body is not valid UTF-8, or not as its Content-Encoding says',
    retryable: false,
  },
  invalid_cursor: { status: 400, title: 'The cursor is not one of this list', retryable: false },
  events_expired: { status: 400, title: 'The single events that this needs are deleted', retryable: false },
  unauthenticated: { status: 401, title: 'A valid key or token is needed', retryable: false },
  forbidden: { status: 403, title: 'The key or token does not allow this', retryable: false },
  origin_not_allowed: { status: 403, title: 'Pages of this origin may not use the key', retryable: false },
  not_found: { status: 404, title: 'There is nothing here', retryable: false },
  method_not_allowed: { status: 405, title: 'This method is not served here', retryable: false },
  request_timeout: { status: 408, title: 'The body did not arrive in time', retryable: true },
  too_many_events: { status: 413, title: 'More events than one request may hold', retryable: false },
  body_too_large: { status: 413, title: 'The body is larger than allowed', retryable: false },
  unsupported_media_type: { status: 415, title: 'This content type or encoding is not read here', retryable: false },
  no_valid_events: { status: 422, title: 'No event of the request could be accepted', retryable: false },
  upgrade_required: { status: 426, title: 'A WebSocket is served here', retryable: false },
  rate_limited: { status: 429, title: 'More requests or events than this key may send', retryable: true },
  internal: { status: 500, title: 'Something failed on our side', retryable: true },
  log_unavailable: { status: 503, title: 'The event log cannot take events just now', retryable: true },
  not_ready: { status: 503, title: 'Not ready just now', retryable: true },
  overloaded: { status: 503, title: 'Too much is in flight just now', retryable: true },
  database_unavailable: { status: 503, title: 'The database does not answer just now', retryable: true },
  slow_reader: { status: 503, title: 'The reader does not keep up with what it asked for', retryable: true },
  no_data: { status: 503, title: 'No data available', retryable: true },
} as const;
export type ProblemCode = keyof typeof PROBLEM_CODES;

/** Why a record of the log became a dead letter, beside the codes of an event. */
export const DEAD_LETTER_CODES = {
  unreadable: 'The record is not JSON that this version can read.',
  empty: 'The record has no value (a tombstone).',
  bad_frame: 'The value begins as the Confluent wire format does, and ends before its JSON.',
  unknown_schema: 'The schema registry does not know the schema id in the frame.',
  wrong_schema: 'The schema of the frame is no JSON Schema of the subject `wayline.direct-value`.',
  missing_key: 'The record has no `wayline-key` header.',
  unknown_key: 'The write key in the `wayline-key` header is not valid.',
  revoked_key: 'The write key in the `wayline-key` header was revoked.',
  disabled_project: 'The project of the write key takes no events any more.',
  unknown_project: 'The project of the record does not exist.',
  unstorable: 'PostgreSQL refused the row, alone.',
} as const;
export type DeadLetterCode = keyof typeof DEAD_LETTER_CODES | ItemCode;

/** Why a dead letter is not replayed, beside the codes of a dead letter. */
export const REPLAY_CODES = {
  already_replayed: 'The dead letter was replayed as another copy, or that was begun.',
  too_large: 'The record is larger than the log takes.',
  erased: 'The data of its user were erased.',
} as const;
export type ReplayCode = keyof typeof REPLAY_CODES | DeadLetterCode;
