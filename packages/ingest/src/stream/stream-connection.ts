import { type EventValidator, ProblemError } from '@wayline/contracts';
import type { EventLog, NewRecord } from '@wayline/event-log';
import { decodeText, type HttpLogger } from '@wayline/http';
import type { Principal } from '@wayline/identity/verify';
import type { SettingsView } from '@wayline/settings';
import type { WebSocket } from 'ws';
import { appendEvents } from '../append-events.ts';
import { maxBodyBytes, requireAllowed, settingsOf, windowOf } from '../caller-rules.ts';
import { judgeEvents, type RejectedEvent } from '../judge-events.ts';
import { readSkewMs } from '../sent-at.ts';
import { bytesOf, callerName, isOverload } from '../write-pipeline.ts';
import type { WriteShares } from '../write-shares.ts';
import { CLOSE, closeRefused, closeWith } from './close-code.ts';
import { createPartialFrame, type PartialFrame } from './partial-frame.ts';
import { type FrameId, FrameRefusal, readFrame } from './read-frame.ts';

export interface StreamConnectionOptions {
  socket: WebSocket;
  principal: Principal;
  requestId: string;
  /** Of each record. */
  headers: NonNullable<NewRecord['headers']>;
  userAgent: string | undefined;
  log: EventLog;
  settings: SettingsView;
  shares: WriteShares;
  validator: EventValidator;
  logger: HttpLogger;
  /** Epoch ms. */
  now: () => number;
}

interface Arrived {
  data: Buffer;
  /** When it was whole, epoch ms. */
  atMs: number;
}

type FrameVerdict = { id: FrameId | null /** Bytes of the budget. */; held: number } & (
  | { records: NewRecord[]; answer: { accepted: number; rejected: RejectedEvent[]; ids: string[] | undefined } }
  | { error: unknown }
);

/** Frames of one connection whose answers are not written out yet; while there are so many, no more are read. */
const FRAMES_IN_FLIGHT = 16;
/** A large frame must be whole within that time: a slow client must not hold its room. */
const FRAME_PATIENCE_MS = 30_000;
/** After reading has gone on for so long, nothing is left of what came while it stood still. */
const CAUGHT_UP_MS = 250;

/** One client of `GET /v1/stream`, from the handshake to the end. Frames are judged, and appended, in their order. */
export class StreamConnection {
  readonly #options: StreamConnectionOptions;
  readonly #partial: PartialFrame;
  #waiting: Arrived[] = [];
  #inFlight = 0;
  #closing = false;
  /** Since it was last heard of. */
  #silentPulses = 0;
  /** Frames that come now may have arrived since then: they were not read. */
  #behindSinceMs: number | undefined;
  #catchingUp: NodeJS.Timeout | undefined;
  #whenIdle: (() => void) | undefined;

  /** @param onBytes calls back with the size of whatever comes over the socket, before it is read as frames */
  constructor(options: StreamConnectionOptions, onBytes: (listener: (bytes: number) => void) => void) {
    this.#options = options;
    const { socket, shares } = options;
    this.#partial = createPartialFrame(shares.budget, () => performance.now());
    onBytes((bytes) => {
      this.#silentPulses = 0;
      if (!this.#partial.grow(bytes)) this.#noRoom();
    });
    socket.on('message', (data: Buffer) => this.#arrive(data));
    socket.on('close', () => {
      this.#closing = true;
      clearTimeout(this.#catchingUp);
      this.#partial.drop();
      this.#forgetWaiting();
    });
  }

  /**
   * Looks for a sign of life, and asks for the next one. Counted by looks, not by the clock: it is not the peer's fault
   * where this process was held up.
   * @returns how often in a row there was none
   */
  pulse(): number {
    this.#options.socket.ping();
    return this.#silentPulses++;
  }

  /** Closes a connection that has been at one frame for too long. */
  checkFrame(): void {
    const sinceMs = this.#partial.sinceMs();
    if (sinceMs !== undefined && performance.now() - sinceMs > FRAME_PATIENCE_MS) {
      closeWith(
        this.#options.socket,
        CLOSE.policy,
        'request_timeout: the frame did not arrive whole within 30 seconds',
      );
    }
  }

  /** Takes no more frames; resolves when those that it has taken are answered, and the close frame is on its way. */
  async finish(reason: string): Promise<void> {
    this.#closing = true;
    this.#forgetWaiting();
    this.#options.socket.pause();
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    this.#options.socket.resume(); // the peer's close frame is to be read
    closeWith(this.#options.socket, CLOSE.restart, reason);
  }

  #arrive(data: Buffer): void {
    const { now, socket } = this.#options;
    if (this.#closing || socket.readyState !== socket.OPEN) this.#partial.drop();
    else if (this.#partial.take(data.length)) {
      this.#waiting.push({ data, atMs: now() });
      this.#takeNext();
    } else void this.#answer({ held: 0, ...this.#noRoomFor(data) });
  }

  #takeNext(): void {
    while (this.#inFlight < FRAMES_IN_FLIGHT) {
      const next = this.#waiting.shift();
      if (!next) break;
      void this.#answer(this.#judge(next));
    }
    this.#regulate();
  }

  /** Reads on, or does not. */
  #regulate(): void {
    const { socket, now } = this.#options;
    if (this.#closing) return;
    const full = this.#inFlight >= FRAMES_IN_FLIGHT;
    if (full === socket.isPaused) return;
    clearTimeout(this.#catchingUp);
    if (full) {
      this.#behindSinceMs ??= now();
      socket.pause();
    } else {
      this.#silentPulses = 0; // what it said meanwhile was not read
      this.#catchingUp = setTimeout(() => {
        this.#behindSinceMs = undefined;
      }, CAUGHT_UP_MS);
      socket.resume();
    }
  }

  /** Never rejects. Nothing here keeps the frame while its records wait for the log. */
  async #answer(verdict: FrameVerdict): Promise<void> {
    const { shares, log, logger, requestId } = this.#options;
    const { id, held } = verdict;
    this.#inFlight++;
    try {
      if ('error' in verdict) throw verdict.error;
      const { records, answer } = verdict;
      if (records.length > 0) await appendEvents(log, records);
      logger.debug({ requestId, records: records.length }, 'a frame was acknowledged');
      await this.#send({ id, ...answer });
    } catch (error) {
      await this.#fail(id, error);
    } finally {
      shares.budget.give(held);
      this.#inFlight--;
      if (this.#inFlight === 0) this.#whenIdle?.();
      this.#takeNext();
    }
  }

  /** Judges a frame whose bytes are held, and holds its records in their place. Never throws. */
  #judge({ data, atMs }: Arrived): FrameVerdict {
    const { principal, settings, shares, headers, socket, validator, userAgent } = this.#options;
    const held = data.length;
    let id: FrameId | null = null;
    try {
      const rules = settingsOf(principal, settings);
      requireAllowed(rules);
      const maxBytes = maxBodyBytes(rules);
      if (held > maxBytes) {
        closeWith(socket, CLOSE.tooBig, `body_too_large: a frame may have ${maxBytes} bytes`);
        throw new ProblemError('body_too_large', `A frame may have ${maxBytes} bytes.`);
      }
      const text = decodeText(data);
      const frame = readFrame(text);
      id = frame.id;
      const quota = shares.limiter.quotaOf(callerName(principal), rules.rates);
      const waitSeconds = quota?.takeRequest();
      if (waitSeconds !== undefined) throw rateLimited(waitSeconds);
      const { records, rejected, ids } = judgeEvents(frame.body, {
        validator,
        projectId: principal.projectId,
        receivedMs: atMs,
        skewMs: this.#skewMs(atMs, frame.body.sentAt),
        window: windowOf(principal, rules, atMs),
        bodyBytes: data.length,
        escaped: text.includes('\\u'),
        userAgent,
      });
      if (frame.body.items.length === 0) throw new ProblemError('no_valid_events', 'The frame holds no event.');
      quota?.takeEvents(records.length);
      for (const record of records) record.headers = headers;
      const bytes = bytesOf(records);
      shares.budget.correct(held, bytes);
      return { id, held: bytes, records, answer: { accepted: records.length, rejected, ids } };
    } catch (error) {
      return { id, held, error };
    }
  }

  /**
   * The skew of the sender's clock. A frame that was not read for a while arrived somewhen between: as much as that may
   * explain is not taken for skew.
   */
  #skewMs(atMs: number, sentAt: unknown): number {
    const latest = readSkewMs(atMs, {}, sentAt);
    if (this.#behindSinceMs === undefined || latest <= 0) return latest;
    return Math.max(0, readSkewMs(this.#behindSinceMs, {}, sentAt));
  }

  /** The refusal of a frame that is not counted: what it holds was read anyway, and its id must be known. */
  #noRoomFor(data: Buffer): { id: FrameId | null; error: ProblemError } {
    const detail = 'Too much is in hand just now; send the frame again in a moment.';
    const error = new ProblemError('overloaded', detail, { retryAfterSeconds: 1 });
    try {
      return { id: readFrame(decodeText(data)).id, error };
    } catch (unread) {
      return { id: unread instanceof FrameRefusal ? unread.id : null, error };
    }
  }

  async #fail(frameId: FrameId | null, error: unknown): Promise<void> {
    const { logger, requestId, shares, socket } = this.#options;
    const id = error instanceof FrameRefusal ? error.id : frameId;
    const cause = error instanceof FrameRefusal ? error.problem : error;
    const known = cause instanceof ProblemError;
    const { problem, retryAfterSeconds } = known
      ? cause
      : new ProblemError('internal', `Something failed on our side; it was logged as ${requestId}.`);
    const { code, detail } = problem;
    if (known) logger.debug({ requestId, code, detail }, 'a frame was refused');
    else logger.error({ err: error, requestId }, 'a frame failed');
    if (code === 'unauthenticated' || code === 'forbidden') return closeRefused(socket, cause as ProblemError);
    if (isOverload(code)) shares.report.refused(code, requestId);
    await this.#send({ id, error: problem, ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }) });
  }

  /** Resolves when it is written out: who does not read the answers sends no more frames. */
  #send(answer: object): Promise<void> {
    const { socket } = this.#options;
    if (socket.readyState !== socket.OPEN) return Promise.resolve();
    return new Promise((resolve) => socket.send(JSON.stringify(answer), () => resolve()));
  }

  #noRoom(): void {
    const { socket, shares, requestId } = this.#options;
    shares.report.refused('overloaded', requestId);
    this.#partial.drop();
    closeWith(socket, CLOSE.tryLater, 'overloaded: too much is in hand just now; connect again in a moment');
  }

  #forgetWaiting(): void {
    for (const { data } of this.#waiting.splice(0)) this.#options.shares.budget.give(data.length);
  }
}

const rateLimited = (retryAfterSeconds: number): ProblemError =>
  new ProblemError(
    'rate_limited',
    'More frames or events than may be sent with this key; wait as `retryAfter` says, and send the frame again.',
    { retryAfterSeconds },
  );
