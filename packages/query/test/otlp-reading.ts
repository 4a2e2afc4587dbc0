import otlp from '@opentelemetry/otlp-transformer/build/src/generated/root.js';

interface MessageType {
  fromObject(json: object): object;
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): object;
}

const { TracesData } = (otlp as unknown as { opentelemetry: { proto: { trace: { v1: { TracesData: MessageType } } } } })
  .opentelemetry.proto.trace.v1;

/** In OTLP/JSON these bytes are hex, against the rule of protobuf's own JSON. */
const IDS: Record<string, RegExp> = {
  traceId: /^(?!0{32})[0-9a-f]{32}$/,
  spanId: /^(?!0{16})[0-9a-f]{16}$/,
  parentSpanId: /^(?!0{16})[0-9a-f]{16}$/,
};
/** 64-bit integers are decimal texts. */
const LONGS = ['startTimeUnixNano', 'endTimeUnixNano', 'timeUnixNano', 'intValue'];

// biome-ignore lint/suspicious/noExplicitAny: any JSON
type Json = any;

function mapJson(json: Json, change: (name: string, value: Json) => Json): Json {
  if (Array.isArray(json)) return json.map((item) => mapJson(item, change));
  if (typeof json !== 'object' || json === null || json instanceof Uint8Array) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, mapJson(change(name, value), change)]));
}

const withBytes = (json: Json): Json =>
  mapJson(json, (name, value) => {
    if (LONGS.includes(name) && !(typeof value === 'string' && /^-?\d{1,20}$/.test(value))) {
      throw new Error(`${name} is no 64-bit integer in text: ${JSON.stringify(value)}`);
    }
    const id = IDS[name];
    if (!id) return value;
    if (typeof value !== 'string' || !id.test(value)) throw new Error(`${name} is no id: ${JSON.stringify(value)}`);
    return Buffer.from(value, 'hex');
  });

const withHex = (json: Json): Json =>
  mapJson(json, (name, value) =>
    IDS[name] && value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );

/** Empty lists are not on the wire. */
export const withoutEmptyLists = (json: Json): Json => {
  if (Array.isArray(json)) return json.map(withoutEmptyLists);
  if (typeof json !== 'object' || json === null) return json;
  const kept = Object.entries(json).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutEmptyLists(value)]));
};

/**
 * OTLP/JSON, to the bytes of protobuf and back: what the definitions do not have, or have otherwise, is not the same then.
 */
export function throughProtobuf(json: object): Json {
  const bytes = TracesData.encode(TracesData.fromObject(withBytes(json))).finish();
  const back = TracesData.toObject(TracesData.decode(bytes), { longs: String, enums: Number, oneofs: false });
  return withHex(JSON.parse(JSON.stringify(back, keepBytes), reviveBytes));
}

// Copies without protobufjs' own classes, so that plain objects are compared.
const keepBytes = (_: string, value: Json): Json =>
  value?.type === 'Buffer' ? { hex: Buffer.from(value.data).toString('hex') } : value;
const reviveBytes = (_: string, value: Json): Json =>
  typeof value?.hex === 'string' && Object.keys(value).length === 1 ? Buffer.from(value.hex, 'hex') : value;
