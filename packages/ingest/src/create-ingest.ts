import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemError } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { answerPreflight, problemHandler, type Shedder, servesOnly } from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import { emptySettings, type SettingsView } from '@wayline/settings';
import { type RequestHandler, Router } from 'express';
import type { Door } from './arrival.ts';
import { createShedder } from './create-shedder.ts';
import { createEventsDoor } from './events-door.ts';
import { createForeignDoors } from './foreign-doors.ts';
import { createSessionDoors } from './sessions-door.ts';
import { createStreamDoor, STREAM_PATH, type StreamDoor } from './stream/create-stream-door.ts';
import { createWritePipeline, type OtherCredential, type WritePipelineOptions } from './write-pipeline.ts';
import { createWriteShares } from './write-shares.ts';

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
  /** See `StreamDoorOptions`. */
  streamPulseMs?: number;
}

export interface Ingest {
  /**
   * The doors for events and sessions, and those of others' forms. A `requestId` stands before it, and no body parser; `noSuchRoute` after it answers
   * methods that it does not serve. The server's `requestTimeout` bounds how long a body may take.
   */
  router: Router;
  /**
   * Answers `POST /v1/events`, or says false and leaves the request alone. It may stand before express, which alone
   * would cost more than all the rest of such a request; what it does is the same, by the same code.
   */
  hotPath(request: IncomingMessage, response: ServerResponse): boolean;
  /** Refuses requests to `POST /v1/events` by their heads alone; the server asks it, if it is given to it. */
  shedder: Shedder;
  /** `GET /v1/stream`: given to the server's `upgrade`, and closed before the server is. */
  stream: StreamDoor;
}

const EVENTS = '/v1/events';

export function createIngest({
  log,
  verifier,
  logger,
  settings = emptySettings(),
  now = Date.now,
  maxBodyBytesHeld = 12 * 1024 * 1024,
  streamPulseMs,
}: IngestOptions): Ingest {
  const shares = createWriteShares({ maxBytesHeld: maxBodyBytesHeld, logger, now });
  const write = createWritePipeline({ log, verifier, settings, logger, now, shares });
  const sessions = createSessionDoors();
  const foreign = createForeignDoors(sessions);
  const events = foreign.orCloudEvents(createEventsDoor());

  const router = Router({ caseSensitive: true });
  const serve = (path: string, door: Door, otherCredential?: OtherCredential): void => {
    const post: RequestHandler<{ id?: string }> = (request, response) =>
      write(door, { request, response, session: request.params.id, otherCredential });
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
  for (const { path, door, otherCredential } of foreign.doors) serve(path, door, otherCredential);
  router
    .route(STREAM_PATH)
    .get((_request, response) => {
      response.setHeader('Upgrade', 'websocket');
      throw new ProblemError('upgrade_required', 'Events are streamed here over a WebSocket; else POST /v1/events.');
    })
    .all(servesOnly('GET'));
  router.use(problemHandler(logger));

  return {
    router,
    shedder: createShedder({ url: EVENTS, verifier, settings, logger, shares }),
    stream: createStreamDoor({ log, verifier, settings, shares, logger, now, pulseMs: streamPulseMs }),
    hotPath(request, response) {
      const { method, url = '' } = request;
      if (method !== 'POST' || (url !== EVENTS && !url.startsWith(`${EVENTS}?`))) return false;
      void write(events, { request, response });
      return true;
    },
  };
}
