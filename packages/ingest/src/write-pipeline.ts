import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS, ProblemError } from '@wayline/contracts';
import type { EventLog, NewRecord } from '@wayline/event-log';
import {
  admit,
  answerError,
  type BodyLimits,
  bodyAtHand,
  bodyTooLarge,
  credentialOf,
  dropBody,
  type HttpLogger,
  identify,
  letOriginRead,
  type Quota,
  readBody,
  refusalByHead,
  requestIdHeader,
  requireOrigin,
  sendJson,
  sendText,
} from '@wayline/http';
import type { Principal, Verifier } from '@wayline/identity/verify';
import type { CallerSettings, SettingsView } from '@wayline/settings';
import { appendEvents } from './append-events.ts';
import type { Door, Verdict } from './arrival.ts';
import { maxBodyBytes, requireAllowed, settingsOf, windowOf } from './caller-rules.ts';
import { createRateRefusals } from './rate-refusals.ts';
import { recordHeaders } from './record-headers.ts';
import { sessionInAddress } from './session-in-address.ts';
import type { WriteShares } from './write-shares.ts';

export interface WritePipelineOptions {
  log: EventLog;
  verifier: Verifier;
  settings: SettingsView;
  logger: HttpLogger & { warn(fields: object, message: string): void };
  /** Epoch ms. */
  now: () => number;
  shares: WriteShares;
}

/**
 * Answers one request that writes, through a door; never rejects. Every way in goes through here, whether express stands
 * before it or not.
 */
export type WritePipeline = (door: Door, exchange: Exchange) => Promise<void>;

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** The session in the address, decoded; undefined where the address has none. */
  session?: string;
  /** Where else the form has its key. */
  otherCredential?: OtherCredential;
}

/** Where a form has its key, beside the places of all doors, which go first. */
export interface OtherCredential {
  inHeaders(request: IncomingMessage): string | undefined;
  /** Asked where there is none in the headers; then the body is read before it is known whose it is. */
  inBody(body: Buffer): string | undefined;
}

const OVERLOAD: ReadonlySet<string> = new Set(['overloaded', 'log_unavailable', 'rate_limited']);

/** Whether a problem's code says that more comes than can be taken. */
export const isOverload = (code: string): boolean => OVERLOAD.has(code);

export function createWritePipeline({
  log,
  verifier,
  settings,
  logger,
  now,
  shares,
}: WritePipelineOptions): WritePipeline {
  const { budget, queue, turns, limiter, report } = shares;
  const refusalAfter = createRateRefusals();

  return async (door, { request, response, session, otherCredential }) => {
    const receivedMs = now();
    const requestId = identify(request, response);
    let held = 0;
    let queued = 0;
    try {
      letOriginRead(request, response);
      let credential = credentialOf(request, { queryKey: true }) ?? otherCredential?.inHeaders(request);
      let early: Buffer | undefined;
      if (credential === undefined && otherCredential) {
        early = await readBody(request, { maxBytes: LIMITS.bodyBytes, budget });
        held = early.length;
        credential = otherCredential.inBody(early);
      }
      // Without a wait where there is none, as with a write key: of what is refused with its head the body is never copied.
      const admitted = admit(credential, verifier, 'write');
      const atHead = !(admitted instanceof Promise) && early === undefined;
      const principal = admitted instanceof Promise ? await admitted : admitted;
      const rules = settingsOf(principal, settings);
      requireAllowed(rules);
      requireOrigin(request, rules.origins);
      const quota = quotaOf(principal, rules.rates);
      if (quota) takeRequest(quota, response);
      const limits = { maxBytes: maxBodyBytes(rules), budget };
      if (atHead) {
        const refusal = refusalByHead(request, limits);
        if (refusal) return refuse(refusal, { request, response, requestId });
        await Promise.resolve(); // see `bodyAtHand`
      }
      const judging = judge({ door, request, principal, rules, receivedMs, session, early, limits }, (bytes) => {
        held = bytes;
      });
      early = undefined; // nothing here keeps it
      const verdict = await judging;
      const count = verdict.records.length;
      if (quota) takeEvents(quota, response, count);
      const headers = recordHeaders(request.headers, requestId);
      for (const record of verdict.records) record.headers = headers;
      // Held until they are in the log: so what the log is too slow for is refused unread.
      queued = bytesOf(verdict.records);
      budget.correct(held, queued);
      held = queued;
      queue.add(queued);
      const appending = appendEvents(log, verdict.records);
      verdict.records = NOTHING; // nor does anything here keep them
      await appending;
      answer(response, verdict, requestIdHeader(requestId));
      logger.debug({ requestId, path: pathOf(request), status: verdict.status, records: count }, 'acknowledged');
    } catch (error) {
      refuse(error, { request, response, requestId });
    } finally {
      queue.remove(queued);
      budget.give(held);
    }
  };

  function refuse(error: unknown, { request, response, requestId }: Exchange & { requestId: string }): void {
    if (error instanceof ProblemError && isOverload(error.problem.code)) {
      report.refused(error.problem.code, requestId);
    }
    dropBody(request);
    answerError(error, request, { response, logger, requestId });
  }

  /** Apart, so that nothing keeps the body while its records wait for the log. */
  function judge(asked: Asked, hold: (bytes: number) => void): Verdict | Promise<Verdict> {
    const { door, request, principal, rules, receivedMs, session, limits } = asked;
    const sessionId = session === undefined ? undefined : sessionInAddress(session);
    const { maxBytes } = limits;
    const judgeBody = (body: Buffer): Verdict => {
      hold(body.length);
      if (body.length > maxBytes) throw bodyTooLarge(maxBytes);
      const window = windowOf(principal, rules, receivedMs);
      const { headers, url } = request;
      return door({ principal, receivedMs, window, headers, body, sessionId, url, allowTraits: rules.allowTraits });
    };
    const inTurn = (body: Buffer) => turns.run(body.length, () => judgeBody(body));
    const body = asked.early ?? bodyAtHand(request, limits);
    return body ? inTurn(body) : readBody(request, limits).then(inTurn);
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

const NOTHING: NewRecord[] = [];

interface Asked {
  door: Door;
  request: IncomingMessage;
  principal: Principal;
  rules: CallerSettings;
  receivedMs: number;
  session: string | undefined;
  /** The body, if it was read already. */
  early: Buffer | undefined;
  limits: BodyLimits;
}

function answer(response: ServerResponse, verdict: Verdict, idHeader: readonly string[]): void {
  const { status, answer, headers } = verdict;
  const all = headers ? [...idHeader, ...Object.entries(headers).flat()] : idHeader;
  if (answer === undefined) response.writeHead(status, [...all]).end();
  else if (typeof answer === 'string') sendText(response, status, answer, ['Content-Type', 'application/json', ...all]);
  else sendJson(response, status, answer, all);
}

/** What a record takes in memory beside its value, about. */
const RECORD_BYTES = 100;

/** What records take in memory until they are in the log, about. */
export function bytesOf(records: readonly NewRecord[]): number {
  let bytes = RECORD_BYTES * records.length;
  for (const { value } of records) bytes += value.length;
  return bytes;
}

/** Keys and the subjects of tokens are counted apart, and those of one project apart from another's. */
export const callerName = ({ kind, projectId, id }: Principal): string => `${kind}/${projectId}/${id}`;

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function takeEvents(quota: Quota, response: ServerResponse, events: number): void {
  quota.takeEvents(events);
  response.setHeader('RateLimit', quota.state());
}
