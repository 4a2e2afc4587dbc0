import { DEAD_LETTER_CODES, ITEM_CODES, REPLAY_CODES } from '../error-codes.ts';
import { complete, nextCursor } from './complete.ts';
import type { Area, Operation, Parameter, Schema } from './operation.ts';
import { PAGE } from './parameters.ts';
import { CHANGES, LISTS, READS } from './problem-answers.ts';
import { count, flag, list, object, oneOf, only, orNull, ref, text, time, uuid } from './schemas.ts';
import { PLACE } from './traces.ts';

const STATE = oneOf('open', 'replayed', 'discarded');

const FILTERS: readonly (string | Parameter)[] = [
  { name: 'state', description: 'In this state.', schema: STATE },
  { name: 'code', description: 'With this code.', schema: { type: 'string' } },
  { name: 'topic', description: 'From this topic.', schema: { type: 'string' } },
  {
    name: 'cause',
    description: 'With this cause, as `/v1/dead-letters/causes` tells them.',
    schema: { type: 'string' },
  },
  'sessionId',
  'from',
  'to',
];

const listed = {
  id: text(),
  state: STATE,
  code: {
    ...oneOf(...Object.keys(ITEM_CODES), ...Object.keys(DEAD_LETTER_CODES)),
    description: 'Why it could not be stored.',
  },
  detail: text(),
  cause: text('The same for those whose details differ in names, numbers and times only.'),
  eventId: orNull(uuid()),
  sessionId: orNull(text()),
  ...PLACE,
  logTime: time(),
  createdAt: time(),
  replayedAt: orNull(time()),
  discardedAt: orNull(time()),
};

const DRY_RUN = flag('Only says what would be; writes nothing.');
const IGNORE_KEY = flag('Replays also what came with a write key that was revoked.');

const replayErrors = list(
  object({
    pointer: text('JSON Pointer (RFC 6901) into the event.'),
    code: oneOf(...Object.keys(ITEM_CODES), ...Object.keys(DEAD_LETTER_CODES), ...Object.keys(REPLAY_CODES)),
    message: text(),
  }),
);
const refused = object({ id: text(), outcome: only('refused'), errors: replayErrors });
const replayed = (extra: Readonly<Record<string, Schema>>): Schema =>
  object(
    { id: text(), outcome: oneOf('replayed', 'would-replay'), eventId: uuid(), sessionId: text(), ...extra },
    { replayedAt: time('Absent of what only would be.') },
  );

const admin: Pick<Operation, 'scope' | 'example'> = { scope: 'admin' };
const bodyOf = (properties: Readonly<Record<string, Schema>>, example: object): Operation['body'] => ({
  required: false,
  content: {
    'application/json': {
      schema: { ...object({}, properties), additionalProperties: false },
      examples: { plain: example },
    },
  },
});

/** Records of the project that could not be stored. */
export const deadLetters: Area = {
  name: 'Dead letters',
  description: 'Records of the project that could not be stored: seen, mended, replayed or discarded.',
  roles: ['query'],
  schemas: {
    DeadLetter: object(listed),
    DeadLetterDetails: object({
      ...listed,
      record: object({
        key: orNull(ref('Bytes')),
        value: orNull(ref('Bytes')),
        headers: { type: 'object', additionalProperties: { type: 'string' } },
      }),
      event: { description: 'The event in it; null where it cannot be read.' },
      replay: { type: ['object', 'null'], description: 'The event that it was, or is being, replayed as.' },
    }),
    Bytes: {
      ...object(
        { bytes: count('How many.') },
        {
          text: text('Where they are UTF-8; of write keys the signature is left out.'),
          base64: text('Where they are not.'),
        },
      ),
      description: 'Bytes of a record.',
    },
    DeadLetterCause: object({
      cause: text(),
      code: text(),
      detail: text('With stand-ins for what differs.'),
      count: count(),
      open: count('How many of them are open.'),
      firstAt: time('By the time of the log.'),
      lastAt: time(),
      exampleId: text('The newest.'),
    }),
    ReplayResult: { oneOf: [replayed({ event: { type: 'object' } }), refused] },
    ListedReplayResult: { oneOf: [replayed({}), refused] },
  },
  operations: [
    {
      ...admin,
      id: 'listDeadLetters',
      method: 'get',
      path: '/v1/dead-letters',
      summary: 'Dead letters, the newest first',
      description: '`from` and `to` go by the time of the log.',
      query: [...FILTERS, ...PAGE],
      success: {
        200: { description: 'A page of them.', schema: complete({ deadLetters: list(ref('DeadLetter')), nextCursor }) },
      },
      problems: LISTS,
      example: { query: { state: 'open' } },
    },
    {
      ...admin,
      id: 'listDeadLetterCauses',
      method: 'get',
      path: '/v1/dead-letters/causes',
      summary: 'What dead letters have in common, the most first',
      query: [...FILTERS, 'limit'],
      success: {
        200: {
          description: 'The causes.',
          schema: complete(
            { causes: list(ref('DeadLetterCause')) },
            { truncated: flag('There are more causes than are told.') },
          ),
        },
      },
      problems: READS,
      example: { query: { state: 'open' } },
    },
    {
      ...admin,
      id: 'readDeadLetter',
      method: 'get',
      path: '/v1/dead-letters/{id}',
      summary: 'A dead letter with its bytes',
      success: { 200: { description: 'It.', schema: ref('DeadLetterDetails') } },
      problems: [...READS, 'not_found'],
      example: { path: { id: '1' } },
    },
    {
      ...admin,
      id: 'replayDeadLetter',
      method: 'post',
      path: '/v1/dead-letters/{id}/replay',
      summary: 'Replay a dead letter, or an edited copy',
      description:
        'Judges it as if it came now, with the time of the log as its time of receipt, and appends it to the log. Replaying twice stores it once.',
      body: bodyOf(
        { event: { type: 'object', description: 'In place of its event.' }, dryRun: DRY_RUN, ignoreKey: IGNORE_KEY },
        { dryRun: true },
      ),
      success: { 200: { description: 'What came of it.', schema: ref('ReplayResult') } },
      problems: [...CHANGES, 'not_found', 'log_unavailable'],
      example: { path: { id: '1' } },
    },
    {
      ...admin,
      id: 'replayDeadLetters',
      method: 'post',
      path: '/v1/dead-letters/replay',
      summary: 'Replay the dead letters that a filter selects',
      description: 'Without `state` the open ones.',
      query: [...FILTERS, ...PAGE],
      body: bodyOf({ dryRun: DRY_RUN, ignoreKey: IGNORE_KEY }, { dryRun: true }),
      success: {
        200: {
          description: 'What came of a page of them.',
          schema: object({ results: list(ref('ListedReplayResult')), nextCursor }),
        },
      },
      problems: [...CHANGES, 'invalid_cursor', 'log_unavailable'],
      example: { query: { code: 'time_too_old' } },
    },
    {
      ...admin,
      id: 'discardDeadLetter',
      method: 'post',
      path: '/v1/dead-letters/{id}/discard',
      summary: 'Mark a dead letter as not wanted',
      success: {
        200: {
          description: 'What it is now.',
          schema: object({
            id: text(),
            outcome: oneOf('discarded', 'already-discarded', 'already-replayed', 'already-replaying'),
          }),
        },
      },
      problems: [...CHANGES, 'not_found'],
      example: { path: { id: '1' } },
    },
    {
      ...admin,
      id: 'discardDeadLetters',
      method: 'post',
      path: '/v1/dead-letters/discard',
      summary: 'Discard the open dead letters that a filter selects',
      query: [...FILTERS, 'limit'],
      success: {
        200: {
          description: 'How many were.',
          schema: object({ discarded: count(), more: flag('Whether to ask again.') }),
        },
      },
      problems: CHANGES,
      example: { query: { code: 'time_too_old' } },
    },
  ],
};
