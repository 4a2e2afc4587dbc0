import { type EventError, eventSchema, uuidV8 } from '@wayline/contracts';
import { clipText } from '../clip-text.ts';
import { isObject } from '../is-object.ts';
import type { PointerTable, Translation } from '../judge-foreign-events.ts';
import { type CloudEvent, checkAttributes } from './check-attributes.ts';
import { isJsonType } from './media-types.ts';

export interface CloudEventOptions {
  projectId: number;
  /** Of the header `Wayline-Session`. */
  sessionId: string | undefined;
  /** Whether the event must name its session: the address does not. */
  needsSession: boolean;
}

const NAME_LENGTH = eventSchema.properties.source.properties.name.maxLength;

/** Extensions that are fields of the event, by their names in lower case. */
const TEXT_EXTENSIONS = new Map([
  ['sessionid', 'sessionId'],
  ['userid', 'userId'],
  ['anonymousid', 'anonymousId'],
  ['machineid', 'machineId'],
  ['platform', 'platform'],
  ['namespace', 'namespace'],
  ['page', 'page'],
  ['referrer', 'referrer'],
  ['useragent', 'userAgent'],
]);
const NUMBER_EXTENSIONS = new Set(['value', 'seq']);
/** Extensions that say more of who reports than `source` does. */
const SOURCE_EXTENSIONS = new Map([
  ['sourcekind', 'kind'],
  ['sourcename', 'name'],
  ['sourceversion', 'version'],
  ['sourceinstance', 'instance'],
]);
/** Attributes that have become a field, so that they need not be kept beside it. */
const SPENT = new Set(['specversion', 'type', 'time', 'subject', 'data', 'data_base64']);

/** What data is where nothing else is said. */
const PLAIN_JSON = /^application\/json\s*(;|$)/i;
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/** Where the event keeps what has no field: the id and source as they were sent, and extensions that are not ours. */
const KEPT = '_cloudevent';

const OF_ATTRIBUTES: PointerTable = [
  ['/eventId', '/id'],
  ['/occurredAt', '/time'],
  ['/target', '/subject'],
  ...[...SOURCE_EXTENSIONS].map(([extension, field]) => [`/source/${field}`, `/${extension}`] as const),
  ...[...TEXT_EXTENSIONS].map(([extension, field]) => [`/${field}`, `/${extension}`] as const),
  [`/context/${KEPT}`, ''],
];
const POINTERS: PointerTable = [...OF_ATTRIBUTES, ['/context/data', '/data'], ['/context', '/data']];

/** A CloudEvent, in the JSON format, as an event: docs/doors.md says what becomes of what. */
export function translateCloudEvent(item: unknown, options: CloudEventOptions): Translation {
  if (!isObject(item)) return { errors: [{ pointer: '', code: 'not_an_object', message: 'must be a JSON object' }] };
  // An attribute of null is one that is not there; of the data null is nothing.
  const set = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null));
  const errors = checkAttributes(set);
  if (errors.length > 0) return { errors };

  const cloudEvent = set as CloudEvent;
  const { fields, source, kept } = attributesOf(cloudEvent, errors);
  const data = dataOf(cloudEvent, errors);
  fields.sessionId ??= options.sessionId;
  const ownFields = cloudEvent.dataschema === eventSchema.$id ? fieldsOf(data.json, errors) : undefined;
  if (options.needsSession && fields.sessionId === undefined && ownFields?.sessionId === undefined) {
    const message = 'the extension `sessionid`, or the header Wayline-Session, must name the session';
    errors.push({ pointer: '/sessionid', code: 'missing_field', message });
  }
  const context = ownFields ? contextOf(ownFields.context) : contextOf(data.json, data.base64);
  if (Object.hasOwn(context, KEPT)) {
    const message = `\`${KEPT}\` is the name under which the attributes are kept`;
    errors.push({ pointer: `${ownFields ? '/data/context' : '/data'}/${KEPT}`, code: 'not_allowed', message });
  }
  if (errors.length > 0) return { errors };

  const { id, time, subject, type } = cloudEvent;
  const defined = Object.entries(fields).filter(([, value]) => value !== undefined);
  return {
    event: {
      ...ownFields,
      eventId: uuidV8(options.projectId, 'cloudevents', cloudEvent.source, id),
      type,
      ...(time !== undefined && { occurredAt: time }),
      ...(subject !== undefined && { target: subject }),
      source: ownFields?.source ?? source,
      ...Object.fromEntries(defined),
      context: { ...context, [KEPT]: kept },
    },
    pointers: ownFields ? pointersOfFields(ownFields) : POINTERS,
  };
}

interface Attributes {
  fields: Record<string, unknown>;
  source: Record<string, unknown>;
  kept: Record<string, unknown>;
}

function attributesOf(cloudEvent: CloudEvent, errors: EventError[]): Attributes {
  const fields: Record<string, unknown> = {};
  const source: Record<string, unknown> = { kind: 'microservice', name: clipText(cloudEvent.source, NAME_LENGTH) };
  const kept: [string, unknown][] = [];
  for (const [name, value] of Object.entries(cloudEvent)) {
    const field = TEXT_EXTENSIONS.get(name);
    const part = SOURCE_EXTENSIONS.get(name);
    if (field !== undefined) fields[field] = String(value);
    else if (part !== undefined) source[part] = String(value);
    else if (NUMBER_EXTENSIONS.has(name)) {
      // In a header every value is a text.
      if (typeof value === 'string' && NUMBER.test(value)) fields[name] = Number(value);
      else if (typeof value === 'number') fields[name] = value;
      else errors.push({ pointer: `/${name}`, code: 'wrong_type', message: 'must be a number' });
    } else if (!SPENT.has(name) && !(name === 'datacontenttype' && PLAIN_JSON.test(String(value)))) {
      kept.push([name, value]);
    }
  }
  return { fields, source, kept: Object.fromEntries(kept) };
}

/** The data: as JSON would write it, or as base64 where it is neither JSON nor text. */
function dataOf(cloudEvent: CloudEvent, errors: EventError[]): { json?: unknown; base64?: string } {
  const { data, data_base64: base64, datacontenttype = '' } = cloudEvent;
  if (base64 === undefined) return { json: data };
  if (!isJsonType(datacontenttype.split(';', 1)[0]?.trim().toLowerCase() ?? '')) return { base64 };
  try {
    return { json: JSON.parse(Buffer.from(base64, 'base64').toString()) };
  } catch {
    // Without a type nothing says that it is JSON.
    if (datacontenttype === '') return { base64 };
    errors.push({ pointer: '/data_base64', code: 'invalid_json', message: 'is not JSON, as `datacontenttype` says' });
    return {};
  }
}

function contextOf(data: unknown, base64?: string): Record<string, unknown> {
  if (isObject(data)) return data;
  if (base64 !== undefined) return { data_base64: base64 };
  return data === undefined || data === null ? {} : { data };
}

const SAID_BY_ATTRIBUTES = new Map([
  ['eventId', '`id` and `source`'],
  ['type', '`type`'],
  ['occurredAt', '`time`'],
]);

/** Data that is an event of ours itself (`dataschema` says so), but for what the attributes say. */
function fieldsOf(data: unknown, errors: EventError[]): Record<string, unknown> {
  if (!isObject(data)) {
    errors.push({ pointer: '/data', code: 'not_an_object', message: 'must be a JSON object: `dataschema` says so' });
    return {};
  }
  for (const [name, attribute] of SAID_BY_ATTRIBUTES) {
    if (data[name] === undefined) continue;
    errors.push({ pointer: `/data/${name}`, code: 'not_allowed', message: `is said by ${attribute}` });
  }
  if (data.context !== undefined && !isObject(data.context)) {
    errors.push({ pointer: '/data/context', code: 'wrong_type', message: 'must be of type object' });
  }
  return data;
}

function pointersOfFields(ownFields: Record<string, unknown>): PointerTable {
  return [
    ['/type', '/type'],
    ...OF_ATTRIBUTES.filter(([inEvent]) => ownFields[inEvent.slice(1).split('/', 1)[0] as string] === undefined),
    [`/context/${KEPT}`, ''],
    ['', '/data'],
  ];
}
