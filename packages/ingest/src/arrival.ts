import type { IncomingHttpHeaders } from 'node:http';
import type { TimeWindow } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import type { Principal } from '@wayline/identity/verify';

/** A request whose sender may write, with its body read: all that a door judges by. */
export interface Arrival {
  principal: Principal;
  /** When the request's head arrived, epoch ms. */
  receivedMs: number;
  /** The corrected times that the sender may write. */
  window: TimeWindow;
  headers: IncomingHttpHeaders;
  /** Inflated. */
  body: Buffer;
  /** The session in the address, decoded; undefined where the address has none. */
  sessionId?: string;
}

/** What a door makes of an arrival: the answer may be given once the records are durable. */
export interface Verdict {
  records: NewRecord[];
  status: number;
  answer: object;
}

/** A way in. Knows nothing of express or sockets. Throws a `ProblemError` where the request is refused as a whole. */
export type Door = (arrival: Arrival) => Verdict;
