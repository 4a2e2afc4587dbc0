import { clockSkewMs, type EventError, eventSchema, uuidV8 } from '@wayline/contracts';
import { clipText } from '../clip-text.ts';
import { dayOf, derivedSession } from '../derived-session.ts';
import { isObject } from '../is-object.ts';
import type { PointerTable, Translation } from '../judge-foreign-events.ts';
import { sentMs } from '../sent-at.ts';
import { numberOf, objectOf, textOf } from './loose-values.ts';
import { MESSAGE_TYPES, type MessageType } from './message-types.ts';
import { reporterOf } from './reporter.ts';

export interface MessageOptions {
  projectId: number;
  /** Epoch ms. */
  receivedMs: number;
  allowTraits: boolean;
  /** As the path says it; undefined in a batch, where each message says it. */
  type: MessageType | undefined;
  /** Of a batch: what its messages have in common. */
  sharedContext: Record<string, unknown>;
}

const { properties: FIELDS } = eventSchema;

/** The types of our own that a call without a name of its own has. */
const TYPE_OF_CALL = {
  page: 'pageVisit',
  screen: 'screenVisit',
  identify: 'identify',
  group: 'group',
  alias: 'alias',
} as const;

/** Where the event keeps what has no field of its own. */
const KEPT = '_segment';
/** Never kept: the key, addresses, what only concerns the way to Segment, and what has become a field. */
const DROPPED = new Set([
  ...['type', 'event', 'properties', 'traits', 'context', 'userId', 'anonymousId'],
  ...['timestamp', 'originalTimestamp', 'sentAt', 'receivedAt'],
  ...['writeKey', 'integrations', '_metadata', 'ip', 'request_ip'],
]);
const DROPPED_OF_CONTEXT = new Set(['ip', 'traits', 'sessionId', 'userAgent']);

const POINTERS: PointerTable = [
  ['/eventId', '/messageId'],
  ['/sessionId', '/context/sessionId'],
  ['/type', '/event'],
  ['/target', '/name'],
  ['/page', '/context/page'],
  ['/referrer', '/context/page/referrer'],
  ['/userAgent', '/context/userAgent'],
  ['/source', '/context/app'],
  [`/context/${KEPT}`, ''],
  ['/context/traits', '/traits'],
  ['/context', '/properties'],
];
const POINTERS_OF_ORIGINAL: PointerTable = [['/occurredAt', '/originalTimestamp'], ...POINTERS];
const POINTERS_OF_TIMESTAMP: PointerTable = [['/occurredAt', '/timestamp'], ...POINTERS];

/** A message of Segment's API as an event: docs/doors.md says what becomes of what. */
export function translateMessage(item: unknown, options: MessageOptions): Translation {
  if (!isObject(item)) return { errors: [{ pointer: '', code: 'not_an_object', message: 'must be a JSON object' }] };
  const errors: EventError[] = [];
  const call = callOf(item, options.type, errors);
  const context = { ...options.sharedContext, ...objectOf(item.context) };
  const userId = idOf(item, 'userId', errors);
  const anonymousId = idOf(item, 'anonymousId', errors);
  const messageId = idOf(item, 'messageId', errors);
  const properties = call === 'identify' || call === 'group' ? {} : objectOf(item.properties);
  const time = item.timestamp ?? item.originalTimestamp ?? undefined;
  const skewMs = skewOf(item, options.receivedMs, errors);
  const sessionId = sessionOf({ context, who: anonymousId ?? userId, time, options }, errors);
  const type = call === 'track' ? eventNameOf(item, errors) : call && TYPE_OF_CALL[call];
  if (Object.hasOwn(properties, KEPT)) {
    const message = `\`${KEPT}\` is the name under which the rest of a message is kept`;
    errors.push({ pointer: `/properties/${KEPT}`, code: 'not_allowed', message });
  }
  if (!call || errors.length > 0) return { errors };

  const name = call === 'page' || call === 'screen' ? (textOf(item.name) ?? textOf(properties.name)) : undefined;
  const userAgent = textOf(context.userAgent);
  const value = numberOf(properties.value) ?? numberOf(properties.revenue);
  const ownTraits = call === 'identify' || call === 'group';
  return {
    event: {
      ...(messageId !== undefined && { eventId: uuidV8(options.projectId, 'segment', '', messageId) }),
      sessionId,
      type,
      ...(time !== undefined && { occurredAt: time }),
      ...(userId !== undefined && { userId }),
      ...(anonymousId !== undefined && { anonymousId }),
      ...(name !== undefined && { target: clipText(name, FIELDS.target.maxLength) }),
      ...(userAgent !== undefined && { userAgent: clipText(userAgent, FIELDS.userAgent.maxLength) }),
      ...(value !== undefined && { value }),
      ...reporterOf({ call, channel: item.channel, context, properties }),
      context: {
        ...properties,
        ...(ownTraits && options.allowTraits && isObject(item.traits) && { traits: item.traits }),
        [KEPT]: keptOf(item, context, { call, traits: options.allowTraits, ownTraits }),
      },
    },
    ...(skewMs !== undefined && { skewMs }),
    pointers: (item.timestamp ?? undefined) === undefined ? POINTERS_OF_ORIGINAL : POINTERS_OF_TIMESTAMP,
  };
}

function callOf(
  item: Record<string, unknown>,
  ofPath: MessageType | undefined,
  errors: EventError[],
): MessageType | undefined {
  const call = ofPath ?? MESSAGE_TYPES.find((type) => type === item.type);
  if (!call)
    errors.push({ pointer: '/type', code: 'not_allowed', message: `must be one of ${MESSAGE_TYPES.join(', ')}` });
  return call;
}

/** An id of a message. Numbers were taken by older clients, and an empty text is none. */
function idOf(item: Record<string, unknown>, name: string, errors: EventError[]): string | undefined {
  const value = item[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  errors.push({ pointer: `/${name}`, code: 'wrong_type', message: 'must be of type string' });
  return undefined;
}

function eventNameOf({ event }: Record<string, unknown>, errors: EventError[]): string | undefined {
  if (typeof event === 'string' && event !== '') return event;
  const absent = event === undefined || event === null || event === '';
  const message = absent ? 'the name of the event, `event`, is required' : 'must be of type string';
  errors.push({ pointer: '/event', code: absent ? 'missing_field' : 'wrong_type', message });
  return undefined;
}

/** What the message itself says of when it was sent; else the request counts. */
function skewOf({ sentAt }: Record<string, unknown>, receivedMs: number, errors: EventError[]): number | undefined {
  if (sentAt === undefined || sentAt === null) return undefined;
  const ms = sentMs(sentAt);
  if (ms !== undefined) return clockSkewMs(receivedMs, ms);
  errors.push({ pointer: '/sentAt', code: 'invalid_format', message: 'must be an RFC 3339 date-time with a zone' });
  return undefined;
}

interface SessionClues {
  context: Record<string, unknown>;
  who: string | undefined;
  time: unknown;
  options: MessageOptions;
}

/** The client's session; else the day of whoever it is: the day as sent, so that a retry is of the same session. */
function sessionOf({ context, who, time, options }: SessionClues, errors: EventError[]): string | undefined {
  const sessionId = idOf(context, 'sessionId', []);
  if (sessionId !== undefined) return sessionId;
  if (who !== undefined) {
    return derivedSession('anon', who, dayOf(sentMs(time) ?? options.receivedMs));
  }
  if (errors.some(({ pointer }) => pointer === '/userId' || pointer === '/anonymousId')) return undefined;
  const message = '`anonymousId`, `userId` or `context.sessionId` must say whose event it is';
  errors.push({ pointer: '/anonymousId', code: 'missing_field', message });
  return undefined;
}

function keptOf(
  item: Record<string, unknown>,
  context: Record<string, unknown>,
  { call, traits, ownTraits }: { call: MessageType; traits: boolean; ownTraits: boolean },
): Record<string, unknown> {
  const others = Object.entries(item).filter(([name]) => !DROPPED.has(name));
  const ofContext = Object.entries(context).filter(
    ([name]) => !DROPPED_OF_CONTEXT.has(name) || (traits && name === 'traits'),
  );
  return {
    type: call,
    ...Object.fromEntries(others),
    ...(traits && !ownTraits && isObject(item.traits) && { traits: item.traits }),
    ...(ownTraits && isObject(item.properties) && { properties: item.properties }),
    ...(ofContext.length > 0 && { context: Object.fromEntries(ofContext) }),
  };
}
