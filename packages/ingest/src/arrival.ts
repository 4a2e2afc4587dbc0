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
  /** Path and query, as they were sent; absent where there is no request of its own. */
  url?: string;
  /** Whether the project keeps traits of people. */
  allowTraits?: boolean;
}

/** What a door makes of an arrival: the answer may be given once the records are durable. */
export interface Verdict {
  records: NewRecord[];
  status: number;
  /** Sent as JSON, which a text is already; undefined: an answer without a body. */
  answer: object | string | undefined;
  /** Of the answer. */
  headers?: Readonly<Record<string, string>>;
}

/** A way in. Knows nothing of express or sockets. Throws a `ProblemError` where the request is refused as a whole. */
export type Door = (arrival: Arrival) => Verdict;
