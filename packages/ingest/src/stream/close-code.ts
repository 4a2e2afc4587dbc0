import { Buffer } from 'node:buffer';
import type { ProblemError } from '@wayline/contracts';
import type { WebSocket } from 'ws';

/** Why a stream is closed (RFC 6455, and its registry); what of it is worth a retry is said in docs/api.md. */
export const CLOSE = {
  /** The key or token is not, or no longer, good for this. */
  policy: 1008,
  tooBig: 1009,
  restart: 1012,
  tryLater: 1013,
} as const;

/** What a close frame has room for. */
const REASON_BYTES = 123;

/** Closes with a code and a reason, cut to what fits. */
export function closeWith(socket: WebSocket, code: number, reason: string): void {
  let text = reason.slice(0, REASON_BYTES);
  while (Buffer.byteLength(text) > REASON_BYTES) text = text.slice(0, -1);
  socket.close(code, text.toWellFormed());
}

/** Closes because of who is at the other end. */
export function closeRefused(socket: WebSocket, { problem }: ProblemError): void {
  closeWith(socket, CLOSE.policy, `${problem.code}: ${problem.detail}`);
}
