import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemError } from '@wayline/contracts';
import type { EventLog, NewRecord } from '@wayline/event-log';
import {
  answerError,
  authorize,
  bodyAtHand,
  createByteBudget,
  createRateLimiter,
  type HttpLogger,
  identify,
  letOriginRead,
  type Quota,
  readBody,
  requestIdHeader,
  requireOrigin,
  sendJson,
} from '@wayline/http';
import type { Principal, Verifier } from '@wayline/identity/verify';
import type { CallerSettings, SettingsView } from '@wayline/settings';
import { appendEvents } from './append-events.ts';
import type { Door, Verdict } from './arrival.ts';
import { maxBodyBytes, requireAllowed, settingsOf, windowOf } from './caller-rules.ts';
import { createOverloadReport } from './overload-report.ts';
import { createRateRefusals } from './rate-refusals.ts';
import { recordHeaders } from './record-headers.ts';
import { sessionInAddress } from './session-in-address.ts';

export interface WritePipelineOptions {
  log: EventLog;
  verifier: Verifier;
  settings: SettingsView;
  logger: HttpLogger & { warn(fields: object, message: string): void };
  /** Epoch ms. */
  now: () => number;
  maxBodyBytesHeld: number;
}

/**
 * Answers one request that writes, through a door; never rejects. Every way in goes through here, whether express stands
 * before it or not.
 * @param session the session in the address, decoded; undefined where the address has none
 */
export type WritePipeline = (
  door: Door,
  exchange: { request: IncomingMessage; response: ServerResponse; session?: string },
) => Promise<void>;

const OVERLOAD: ReadonlySet<string> = new Set(['overloaded', 'log_unavailable', 'rate_limited']);

export function createWritePipeline({
  log,
  verifier,
  settings,
  logger,
  now,
  maxBodyBytesHeld,
}: WritePipelineOptions): WritePipeline {
  const budget = createByteBudget(maxBodyBytesHeld);
  const limiter = createRateLimiter();
  const refusalAfter = createRateRefusals();
  const report = createOverloadReport(logger, now);

  return async (door, { request, response, session }) => {
    const receivedMs = now();
    const requestId = identify(request, response);
    let held = 0;
    try {
      letOriginRead(request, response);
      const principal = await authorize(request, verifier, 'write');
      const rules = settingsOf(principal, settings);
      requireAllowed(rules);
      requireOrigin(request, rules.origins);
      const quota = quotaOf(principal, rules.rates);
      if (quota) takeRequest(quota, response);
      const verdict = await judge({ door, request, principal, rules, receivedMs, session }, (bytes) => {
        held = bytes;
      });
      if (quota) takeEvents(quota, response, verdict.records.length);
      const headers = recordHeaders(request.headers, requestId);
      for (const record of verdict.records) record.headers = headers;
      // Held until they are in the log: so what the log is too slow for is refused unread.
      const bytes = bytesOf(verdict.records);
      budget.correct(held, bytes);
      held = bytes;
      await appendEvents(log, verdict.records);
      sendJson(response, verdict.status, verdict.answer, requestIdHeader(requestId));
      logger.debug(
        { requestId, path: pathOf(request), status: verdict.status, records: verdict.records.length },
        'acknowledged',
      );
    } catch (error) {
      if (error instanceof ProblemError && OVERLOAD.has(error.problem.code)) {
        report.refused(error.problem.code, requestId);
      }
      answerError(error, request, { response, logger, requestId });
    } finally {
      budget.give(held);
    }
  };

  /** Apart, so that nothing keeps the body while its records wait for the log. */
  function judge(asked: Asked, hold: (bytes: number) => void): Verdict | Promise<Verdict> {
    const { door, request, principal, rules, receivedMs, session } = asked;
    const sessionId = session === undefined ? undefined : sessionInAddress(session);
    const judgeBody = (body: Buffer): Verdict => {
      hold(body.length);
      const window = windowOf(principal, rules, receivedMs);
      return door({ principal, receivedMs, window, headers: request.headers, body, sessionId });
    };
    const limits = { maxBytes: maxBodyBytes(rules), budget };
    const body = bodyAtHand(request, limits);
    return body ? judgeBody(body) : readBody(request, limits).then(judgeBody);
  }

  function quotaOf(principal: Principal, rates: CallerSettings['rates']): Quota | undefined {
    const limited = rates.requestsPerSecond !== undefined || rates.eventsPerSecond !== undefined;
    return limited ? limiter.quotaOf(callerName(principal), rates) : undefined;
  }

  /** Counts the request before its body is read. @throws ProblemError `rate_limited` */
  function takeRequest(quota: Quota, response: ServerResponse): void {
    const waitSeconds = quota.takeRequest();
    response.setHeader('RateLimit-Policy', quota.policy());
    response.setHeader('RateLimit', quota.state());
    if (waitSeconds !== undefined) throw refusalAfter(waitSeconds);
  }
}

interface Asked {
  door: Door;
  request: IncomingMessage;
  principal: Principal;
  rules: CallerSettings;
  receivedMs: number;
  session: string | undefined;
}

/** What a record takes in memory beside its value, about. */
const RECORD_BYTES = 100;

function bytesOf(records: readonly NewRecord[]): number {
  let bytes = RECORD_BYTES * records.length;
  for (const { value } of records) bytes += value.length;
  return bytes;
}

/** Keys and the subjects of tokens are counted apart, and those of one project apart from another's. */
const callerName = ({ kind, projectId, id }: Principal): string => `${kind}/${projectId}/${id}`;

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function takeEvents(quota: Quota, response: ServerResponse, events: number): void {
  quota.takeEvents(events);
  response.setHeader('RateLimit', quota.state());
}
