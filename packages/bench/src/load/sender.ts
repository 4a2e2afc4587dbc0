import { NumberSet } from '../compare/number-set.ts';
import type { Answer } from './answer-reader.ts';
import type { Channel, ConnectionEvents } from './connection.ts';
import type { Acknowledgement } from './door-form.ts';
import { copyRequest, numberEvents, type PreparedRequest } from './prepared-request.ts';
import { newTally, type Tally } from './tally.ts';

/** A place for one request at a time, and the request that it had last. */
export interface Slot {
  connection: Channel;
  /** Whether its last request is unanswered. */
  waiting: boolean;
  sequence: number;
  /** When the request was due, which is not later than when it was sent; `performance.now()`. */
  dueMs: number;
  /** When the last answer came. */
  idleSinceMs: number;
  /** Its connection has ended. */
  gone: boolean;
}

export interface SlotEvents {
  /** The slot has no request in flight any more. `pauseMs`: for so long the server asked to be left alone. */
  onIdle(slot: Slot, pauseMs: number): void;
  onGone(slot: Slot): void;
}

/** How requests go in, and what says that every event of one was taken. */
export interface SenderDoor {
  connect(events: ConnectionEvents): Channel;
  acknowledgement: Acknowledgement;
}

/** Sends prepared requests, each event with an id that no other has, and keeps account of what came of them. */
export class Sender {
  /** What is going on now is counted here; put another in its place to count anew. */
  tally: Tally = newTally();
  sent = 0;
  inFlight = 0;
  /** Numbers of the requests whose every event was acknowledged. */
  readonly acknowledged = new NumberSet();
  /** What went wrong first, for people. */
  firstFault: string | undefined;

  readonly #templates: readonly PreparedRequest[];
  readonly #free: PreparedRequest[];
  readonly #connect: (events: ConnectionEvents) => Channel;
  readonly #acknowledgement: Acknowledgement;
  readonly #open = new Set<Slot>();

  constructor(templates: readonly PreparedRequest[], door: SenderDoor) {
    this.#templates = templates;
    this.#free = [...templates];
    this.#connect = door.connect;
    this.#acknowledgement = door.acknowledgement;
  }

  open(events: SlotEvents): Slot {
    const slot: Slot = {
      connection: this.#connect({
        onAnswer: (answer) => {
          if (!slot.waiting) throw new Error(`An answer came to no request: ${answer.status}`);
          this.#settle(slot);
          const pauseMs = this.#count(slot, answer);
          if (answer.closes) slot.connection.close();
          else events.onIdle(slot, pauseMs);
        },
        onGone: ({ refused, error }) => {
          if (refused) this.tally.connectionsRefused++;
          if (slot.waiting) {
            this.#settle(slot);
            this.tally.lost++;
            this.firstFault ??= `a connection ended before the answer: ${error?.message ?? 'closed by the server'}`;
          }
          slot.gone = true;
          this.#open.delete(slot);
          events.onGone(slot);
        },
      }),
      waiting: false,
      sequence: 0,
      dueMs: 0,
      idleSinceMs: performance.now(),
      gone: false,
    };
    this.#open.add(slot);
    return slot;
  }

  get connections(): number {
    return this.#open.size;
  }

  closeAll(): void {
    for (const slot of this.#open) slot.connection.close();
  }

  send(slot: Slot, dueMs: number): void {
    const sequence = this.sent++;
    const template = this.#templates[sequence % this.#templates.length] as PreparedRequest;
    const request = this.#free.shift() ?? copyRequest(template);
    numberEvents(request, sequence, Math.floor(sequence / this.#templates.length));
    slot.waiting = true;
    slot.sequence = sequence;
    slot.dueMs = dueMs;
    this.inFlight++;
    // Behind the others, so that the requests differ also where few are in flight.
    slot.connection.send(request.bytes, sequence, () => this.#free.push(request));
  }

  #settle(slot: Slot): void {
    slot.waiting = false;
    slot.idleSinceMs = performance.now();
    this.inFlight--;
  }

  /** Answers with the ms that the server asked to be left alone. */
  #count(slot: Slot, answer: Answer): number {
    const { tally } = this;
    const acknowledged = this.#acknowledgement;
    if (answer.status === acknowledged.status && answer.body.startsWith(acknowledged.begin)) {
      tally.acknowledged++;
      tally.latency.record(Math.max(1, Math.round((slot.idleSinceMs - slot.dueMs) * 1000)));
      this.acknowledged.add(slot.sequence);
      return 0;
    }
    if (answer.status === 503 || answer.status === 429) {
      tally.shed++;
      if (answer.retryAfterSeconds === undefined) tally.shedWithoutRetryAfter++;
      return (answer.retryAfterSeconds ?? 0) * 1000;
    }
    tally.refused++;
    this.firstFault ??= `an answer of ${answer.status}: ${answer.body.slice(0, 300)}`;
    return 0;
  }
}
