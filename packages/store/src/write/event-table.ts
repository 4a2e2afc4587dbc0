import {
  type EventTimes,
  isSource,
  LoggedEventScanner,
  SCANNED,
  storableTimeRefusal,
  timesOf,
} from '@wayline/contracts';
import { PLATFORMS, type Source } from '../names.ts';
import { ByteInterner } from './byte-interner.ts';
import { FLAG, FLOAT, FLOATS, INT, INTS, TEXT_FIELDS } from './event-columns.ts';
import type { StorableEvent } from './partition-batch.ts';
import { TextChunks } from './text-chunks.ts';

const FIRST_ROWS = 1024;
const DEFAULT_NAMESPACE = Buffer.from('default');
const PLATFORM_BYTES = Object.entries(PLATFORMS).map(([name, number]) => ({ bytes: Buffer.from(name), number }));

/**
 * The events of one transaction, in columns: no object is made of any, and their texts stay where they are among the bytes that
 * were read from the log, which must not change until `clear`. Texts that repeat are numbered, by their bytes, within the table.
 */
export class EventTable {
  readonly sessions = new ByteInterner();
  /** userId and anonymousId alike. */
  readonly users = new ByteInterner();
  readonly machines = new ByteInterner();
  readonly types = new ByteInterner();
  readonly namespaces = new ByteInterner();
  readonly userAgents = new ByteInterner();
  /** By their JSON, and what it says; undefined where that is no source. */
  readonly #sources = new ByteInterner();
  readonly #parsed: (Source | undefined)[] = [];
  readonly #scanner = new LoggedEventScanner();
  readonly #chunks = new TextChunks();
  #buffers: Uint8Array[] = [];
  #ints = new Int32Array(FIRST_ROWS * INTS);
  #floats = new Float64Array(FIRST_ROWS * FLOATS);
  #rows = 0;

  /** Of all rows, `INTS` a row; others after a row was added. */
  get ints(): Int32Array {
    return this.#ints;
  }

  /** Of all rows, `FLOATS` a row; others after a row was added. */
  get floats(): Float64Array {
    return this.#floats;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Where the texts of `TEXT_FIELDS` of a row stand. */
  bufferOf(row: number): Uint8Array {
    return this.#buffers[this.#ints[row * INTS + INT.buffer] as number] as Uint8Array;
  }

  keyMs(row: number): number {
    return this.#floats[row * FLOATS + FLOAT.keyMs] as number;
  }

  receivedMs(row: number): number {
    return this.#floats[row * FLOATS + FLOAT.receivedMs] as number;
  }

  projectOf(row: number): number {
    return this.#ints[row * INTS + INT.project] as number;
  }

  source(number: number): Source {
    return this.#parsed[number] as Source;
  }

  eventIdOf(row: number): string {
    let hex = '';
    for (let i = 0; i < 4; i++) {
      hex += ((this.#ints[row * INTS + INT.id + i] as number) >>> 0).toString(16).padStart(8, '0');
    }
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  sessionOf(row: number): string {
    return this.sessions.textOf(this.#ints[row * INTS + INT.session] as number);
  }

  contextOf(row: number): Record<string, unknown> {
    const start = this.#ints[row * INTS + INT.context] as number;
    const length = this.#ints[row * INTS + INT.context + 1] as number;
    if (length < 0) return {};
    const { buffer, byteOffset } = this.bufferOf(row);
    return JSON.parse(Buffer.from(buffer, byteOffset + start, length).toString());
  }

  /** Its userId and its anonymousId, those that it has. */
  userIdsOf(row: number): string[] {
    const numbers = [this.#ints[row * INTS + INT.user] as number, this.#ints[row * INTS + INT.anonymous] as number];
    return numbers.filter((number) => number >= 0 && this.users.lengthOf(number) > 0).map((n) => this.users.textOf(n));
  }

  /**
   * Adds a record of `wayline.events`, whose value stands between two places of the bytes.
   * @returns its row; -1 where it has to be read in full, which may find that it can never be stored
   */
  addLogged(bytes: Uint8Array, from: number, to: number): number {
    const scanner = this.#scanner;
    if (!scanner.scan(bytes, from, to)) return -1;
    const { starts, ends, occurredMs, receivedMs, eventId } = scanner;
    const platform = platformNumber(bytes, starts[SCANNED.platform] as number, ends[SCANNED.platform] as number);
    const source = this.#sourceNumber(bytes, starts[SCANNED.source] as number, ends[SCANNED.source] as number);
    if (platform < 0 || source === REFUSED) return -1;
    const senders = Number.isNaN(occurredMs) ? uuidTime(eventId) : occurredMs;
    const times = timesOf(senders, receivedMs, scanner.skewMs);
    if (storableTimeRefusal(times.keyMs)) return -1;
    const row = this.#addRow(bytes, receivedMs, times);
    const ints = this.#ints;
    const at = row * INTS;
    ints[at + INT.project] = scanner.project;
    ints[at + INT.platform] = platform;
    for (let i = 0; i < 4; i++) ints[at + INT.id + i] = eventId[i] as number;
    ints[at + INT.session] = numberOf(this.sessions, bytes, scanner, SCANNED.sessionId);
    ints[at + INT.user] = numberOf(this.users, bytes, scanner, SCANNED.userId);
    ints[at + INT.anonymous] = numberOf(this.users, bytes, scanner, SCANNED.anonymousId);
    ints[at + INT.machine] = numberOf(this.machines, bytes, scanner, SCANNED.machineId);
    ints[at + INT.type] = numberOf(this.types, bytes, scanner, SCANNED.type);
    const namespace = numberOf(this.namespaces, bytes, scanner, SCANNED.namespace);
    ints[at + INT.namespace] =
      namespace < 0 ? this.namespaces.numberOf(DEFAULT_NAMESPACE, 0, DEFAULT_NAMESPACE.length) : namespace;
    ints[at + INT.userAgent] = numberOf(this.userAgents, bytes, scanner, SCANNED.userAgent);
    ints[at + INT.source] = source;
    setPlace(ints, at + INT.target, scanner, SCANNED.target);
    setPlace(ints, at + INT.page, scanner, SCANNED.page);
    setPlace(ints, at + INT.referrer, scanner, SCANNED.referrer);
    setPlace(ints, at + INT.context, scanner, SCANNED.context);
    this.#setNumbers(row, scanner.value, scanner.seq);
    return row;
  }

  /** Adds an event that was read in full: its texts are written into bytes of the table's own. */
  addEvent(projectId: number, { event, receivedMs, times }: StorableEvent): number {
    const { eventId, context, source, platform } = event;
    const chunks = this.#chunks;
    const texts = TEXT_FIELDS.map((field) => (field === 'context' ? context && JSON.stringify(context) : event[field]));
    const places = chunks.writeTogether(texts);
    const row = this.#addRow(chunks.buffer, receivedMs, times);
    const ints = this.#ints;
    const at = row * INTS;
    for (const [i, field] of TEXT_FIELDS.entries()) {
      ints[at + INT[field]] = places[i]?.start ?? 0;
      ints[at + INT[field] + 1] = places[i]?.length ?? -1;
    }
    const numbered = (interner: ByteInterner, text: string | undefined): number => {
      if (text === undefined) return -1;
      const { start, length } = chunks.write(text);
      return interner.numberOf(chunks.buffer, start, start + length);
    };
    ints[at + INT.project] = projectId;
    ints[at + INT.platform] = platform ? PLATFORMS[platform] : 0;
    const hex = eventId.replaceAll('-', '');
    for (let i = 0; i < 4; i++) ints[at + INT.id + i] = Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16) | 0;
    ints[at + INT.session] = numbered(this.sessions, event.sessionId);
    ints[at + INT.user] = numbered(this.users, event.userId);
    ints[at + INT.anonymous] = numbered(this.users, event.anonymousId);
    ints[at + INT.machine] = numbered(this.machines, event.machineId);
    ints[at + INT.type] = numbered(this.types, event.type);
    ints[at + INT.namespace] = numbered(this.namespaces, event.namespace ?? 'default');
    ints[at + INT.userAgent] = numbered(this.userAgents, event.userAgent);
    ints[at + INT.source] = -1;
    if (source) {
      const { start, length } = chunks.write(JSON.stringify(source));
      ints[at + INT.source] = this.#sourceNumber(chunks.buffer, start, start + length);
    }
    this.#setNumbers(row, event.value, event.seq);
    return row;
  }

  /** Forgets everything, and lets go of the bytes. */
  clear(): void {
    this.#rows = 0;
    this.#buffers = [];
    this.#chunks.clear();
    this.#parsed.length = 0;
    const { sessions, users, machines, types, namespaces, userAgents } = this;
    for (const interner of [sessions, users, machines, types, namespaces, userAgents, this.#sources]) interner.clear();
  }

  #sourceNumber(bytes: Uint8Array, start: number, end: number): number {
    if (end === 0) return -1;
    const number = this.#sources.numberOf(bytes, start, end);
    if (number === this.#parsed.length) {
      const source: unknown = JSON.parse(this.#sources.textOf(number));
      this.#parsed.push(isSource(source) ? (source as Source) : undefined);
    }
    return this.#parsed[number] ? number : REFUSED;
  }

  #addRow(buffer: Uint8Array, receivedMs: number, times: EventTimes): number {
    const row = this.#rows++;
    if ((row + 1) * INTS > this.#ints.length) this.#grow();
    if (this.#buffers[this.#buffers.length - 1] !== buffer) this.#buffers.push(buffer);
    const ints = this.#ints;
    ints[row * INTS + INT.buffer] = this.#buffers.length - 1;
    ints[row * INTS + INT.skew] = times.skewMs;
    ints[row * INTS + INT.flags] = times.claim ? FLAG.claim : 0;
    const floats = this.#floats;
    floats[row * FLOATS + FLOAT.keyMs] = times.keyMs;
    floats[row * FLOATS + FLOAT.correctedMs] = times.correctedMs;
    floats[row * FLOATS + FLOAT.receivedMs] = receivedMs;
    return row;
  }

  #setNumbers(row: number, value: number | undefined, seq: number | undefined): void {
    if (value !== undefined) {
      (this.#ints[row * INTS + INT.flags] as number) |= FLAG.value;
      this.#floats[row * FLOATS + FLOAT.value] = value;
    }
    if (seq !== undefined) {
      (this.#ints[row * INTS + INT.flags] as number) |= FLAG.seq;
      this.#floats[row * FLOATS + FLOAT.seq] = seq;
    }
  }

  #grow(): void {
    const [ints, floats] = [this.#ints, this.#floats];
    this.#ints = new Int32Array(2 * ints.length);
    this.#floats = new Float64Array(2 * floats.length);
    this.#ints.set(ints);
    this.#floats.set(floats);
  }
}

const REFUSED = -2;

function numberOf(interner: ByteInterner, bytes: Uint8Array, scanner: LoggedEventScanner, field: number): number {
  const end = scanner.ends[field] as number;
  return end === 0 ? -1 : interner.numberOf(bytes, scanner.starts[field] as number, end);
}

function setPlace(ints: Int32Array, at: number, { starts, ends }: LoggedEventScanner, field: number): void {
  const start = starts[field] as number;
  const end = ends[field] as number;
  ints[at] = start;
  ints[at + 1] = end === 0 ? -1 : end - start;
}

/** 0 where there is none, -1 for one that is not known. */
function platformNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end === 0) return 0;
  for (const { bytes: name, number } of PLATFORM_BYTES) {
    let same = name.length === end - start ? 0 : -1;
    while (same >= 0 && same < name.length && bytes[start + same] === name[same]) same++;
    if (same === name.length) return number;
  }
  return -1;
}

/** The time inside a UUIDv7, epoch ms; undefined of others. */
function uuidTime(id: Int32Array): number | undefined {
  const second = id[1] as number;
  if (((second >>> 12) & 15) !== 7 || (id[2] as number) >>> 30 !== 2) return undefined;
  return ((id[0] as number) >>> 0) * 65_536 + (second >>> 16);
}
