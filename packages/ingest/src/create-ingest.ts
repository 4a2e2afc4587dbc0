import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EventLog } from '@wayline/event-log';
import { answerPreflight, problemHandler, servesOnly } from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import { emptySettings, type SettingsView } from '@wayline/settings';
import { type RequestHandler, Router } from 'express';
import type { Door } from './arrival.ts';
import { createEventsDoor } from './events-door.ts';
import { createSessionDoors } from './sessions-door.ts';
import { createWritePipeline, type WritePipelineOptions } from './write-pipeline.ts';

export interface IngestOptions {
  log: EventLog;
  verifier: Verifier;
  logger: WritePipelineOptions['logger'];
  /** What is set for keys and projects. Default: nothing. */
  settings?: SettingsView;
  /** Epoch ms. */
  now?: () => number;
  /** Bytes of bodies in hand at once, from the first byte to the answer; more is refused with 503. Default 12 MiB. */
  maxBodyBytesHeld?: number;
}

export interface Ingest {
  /**
   * The doors for events and sessions. A `requestId` stands before it, and no body parser; `noSuchRoute` after it answers
   * methods that it does not serve. The server's `requestTimeout` bounds how long a body may take.
   */
  router: Router;
  /**
   * Answers `POST /v1/events`, or says false and leaves the request alone. It may stand before express, which alone
   * would cost more than all the rest of such a request; what it does is the same, by the same code.
   */
  hotPath(request: IncomingMessage, response: ServerResponse): boolean;
}

const EVENTS = '/v1/events';

export function createIngest({
  log,
  verifier,
  logger,
  settings = emptySettings(),
  now = Date.now,
  maxBodyBytesHeld = 12 * 1024 * 1024,
}: IngestOptions): Ingest {
  const write = createWritePipeline({ log, verifier, settings, logger, now, maxBodyBytesHeld });
  const events = createEventsDoor();
  const sessions = createSessionDoors();

  const router = Router({ caseSensitive: true });
  const serve = (path: string, door: Door): void => {
    const post: RequestHandler<{ id?: string }> = (request, response) =>
      write(door, { request, response, session: request.params.id });
    router
      .route(path)
      .post(post)
      .options((request, response) => answerPreflight(request, response, 'POST'))
      .all(servesOnly('POST', 'OPTIONS'));
  };
  serve(EVENTS, events);
  serve('/v1/sessions', sessions.start);
  serve('/v1/sessions/:id/refresh', sessions.refresh);
  serve('/v1/sessions/:id/end', sessions.end);
  serve('/v1/sessions/:id/events', events);
  router.use(problemHandler(logger));

  return {
    router,
    hotPath(request, response) {
      const { method, url = '' } = request;
      if (method !== 'POST' || (url !== EVENTS && !url.startsWith(`${EVENTS}?`))) return false;
      void write(events, { request, response });
      return true;
    },
  };
}
