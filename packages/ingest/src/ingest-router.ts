import { LIMITS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import {
  authorize,
  createByteBudget,
  type HttpLogger,
  problemHandler,
  readBody,
  sendJson,
  servesOnly,
} from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import { type RequestHandler, Router } from 'express';
import { appendEvents } from './append-events.ts';
import type { Arrival, Door, Verdict } from './arrival.ts';
import { createEventsDoor } from './events-door.ts';
import { sessionInAddress } from './session-in-address.ts';
import { createSessionDoors } from './sessions-door.ts';

export interface IngestRouterOptions {
  log: EventLog;
  verifier: Verifier;
  logger: HttpLogger;
  /** Epoch ms. */
  now?: () => number;
  /** How many days back the corrected time of an event may lie. Default 90. */
  pastDays?: number;
  /** Bytes of bodies being read and judged at once, over all requests; more is refused with 503. Default 64 MiB. */
  maxBodyBytesHeld?: number;
}

/**
 * The doors for events and sessions. A `requestId` stands before it, and no body parser; `noSuchRoute` after it answers
 * methods that it does not serve. The server's `requestTimeout` bounds how long a body may take.
 */
export function createIngestRouter({
  log,
  verifier,
  logger,
  now = Date.now,
  pastDays,
  maxBodyBytesHeld = 64 * 1024 * 1024,
}: IngestRouterOptions): Router {
  const events = createEventsDoor({ pastDays });
  const sessions = createSessionDoors({ pastDays });
  const budget = createByteBudget(maxBodyBytesHeld);

  const behind = (door: Door): RequestHandler<{ id?: string }> => {
    return async (request, response) => {
      const receivedMs = now();
      const principal = await authorize(request, verifier, 'write');
      const sessionId = request.params.id === undefined ? undefined : sessionInAddress(request.params.id);
      const body = await readBody(request, { maxBytes: LIMITS.bodyBytes, budget });
      const { records, status, answer } = judged(door, {
        principal,
        receivedMs,
        headers: request.headers,
        body,
        sessionId,
      });
      await appendEvents(log, records);
      sendJson(response, status, answer);
    };
  };
  const judged = (door: Door, arrival: Arrival): Verdict => {
    try {
      return door(arrival);
    } finally {
      budget.give(arrival.body.length);
    }
  };

  const router = Router({ caseSensitive: true });
  router.route('/v1/events').post(behind(events)).all(servesOnly('POST'));
  router.route('/v1/sessions').post(behind(sessions.start)).all(servesOnly('POST'));
  router.route('/v1/sessions/:id/refresh').post(behind(sessions.refresh)).all(servesOnly('POST'));
  router.route('/v1/sessions/:id/end').post(behind(sessions.end)).all(servesOnly('POST'));
  router.route('/v1/sessions/:id/events').post(behind(events)).all(servesOnly('POST'));
  router.use(problemHandler(logger));
  return router;
}
