import { looseTimeMs, ProblemError } from '@wayline/contracts';
import { authorize, servesOnly } from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import { hourlyCounts, userCountHistory } from '@wayline/store';
import { type Request, type Response, Router } from 'express';
import { NOTHING } from '../analytics/hourly-door.ts';
import type { LatestMetrics } from '../analytics/latest-metrics.ts';
import { METRICS_EVERY_SECONDS, metricsOf } from '../analytics/metrics-doors.ts';
import { HOUR_MS, hourOf } from '../analytics/whole-hours.ts';
import type { Completeness } from '../completeness.ts';
import { type Sources, tellCompleteness } from '../door.ts';
import { type Parameters, readParameters } from '../parameters.ts';
import { untilClosed } from '../until-closed.ts';

export interface PredecessorReadsOptions {
  sources: Pick<Sources, 'read' | 'completeness'>;
  verifier: Verifier;
  latest: LatestMetrics;
  /** The most minutes of one history. Default 50,000, over a month. */
  maxHistory?: number;
}

interface Asked {
  projectId: number;
  parameters: Parameters;
  request: Request;
  response: Response;
}

/**
 * The addresses at which predecessors were read, with their own forms of answers; what is wrong is told by problem documents,
 * like everywhere. Ingest writes at one of them: what is not read here is left to it.
 */
export function predecessorReads({ sources, verifier, latest, maxHistory = 50_000 }: PredecessorReadsOptions): Router {
  const router = Router({ caseSensitive: true });
  const serve = (path: string, known: readonly string[], answer: (asked: Asked) => Promise<void>): void => {
    router
      .route(path)
      .get(async (request, response) => {
        const { projectId } = await authorize(request, verifier, 'aggregation');
        const parameters = readParameters(request.query, known);
        response.setHeader('Cache-Control', 'no-store');
        await answer({ projectId, parameters, request, response });
      })
      .all(servesOnly('GET', 'HEAD'));
  };

  /** These forms have no place for it; a problem has no need of it. */
  const tellComplete = (complete: Completeness, response: Response): void =>
    tellCompleteness(complete, { setHeader: (name, value) => void response.setHeader(name, value) });

  serve('/analytics', ['timestamp'], async ({ projectId, parameters, request, response }) => {
    const timestamp = timeOf(parameters, 'timestamp');
    if (timestamp === undefined) throw invalid('`timestamp` is needed: of the hour that is asked for.');
    const fromMs = hourOf(timestamp);
    const complete = await sources.completeness();
    const [found = NOTHING] = await sources.read(
      (reader) => hourlyCounts(reader, { projectId, fromMs, toMs: fromMs + HOUR_MS }),
      untilClosed(response),
    );
    const { uniqueUsers, clicks, impressions } = found;
    tellComplete(complete, response);
    response.vary('Accept');
    if (request.accepts('text/plain', 'application/json') === 'application/json') {
      response.json({ uniqueUsers, clicks, impressions });
    } else {
      response.type('text/plain').send(`unique_users,${uniqueUsers}\nclicks,${clicks}\nimpressions,${impressions}\n`);
    }
  });

  serve('/metrics/latest', [], async ({ projectId, response }) => {
    const counts = await latest(projectId);
    if (counts) return void response.json(metricsOf(counts));
    response.setHeader('Retry-After', METRICS_EVERY_SECONDS);
    response.status(503).json({ message: 'No data available' });
  });

  serve('/metrics/history', ['from', 'to'], async ({ projectId, parameters, response }) => {
    const range = { fromMs: timeOf(parameters, 'from'), toMs: timeOf(parameters, 'to') };
    const { fromMs = -Infinity, toMs = Infinity } = range;
    if (fromMs > toMs) throw invalid('`from` must not be after `to`.');
    const complete = await sources.completeness();
    const found = await sources.read(
      (reader) => userCountHistory(reader, { projectId, range, limit: maxHistory + 1 }),
      untilClosed(response),
    );
    if (found.length > maxHistory) {
      throw invalid(
        `There are more than ${maxHistory} minutes between \`from\` and \`to\`; ask for them in parts, or page through /v1/metrics/history.`,
      );
    }
    tellComplete(complete, response);
    response.json(found.map(metricsOf));
  });

  return router;
}

/** Epoch ms. */
function timeOf(parameters: Parameters, name: string): number | undefined {
  const text = parameters.text(name);
  const ms = looseTimeMs(text);
  if (text === undefined || ms !== undefined) return ms;
  throw invalid(`\`${name}\` must be epoch seconds or milliseconds, or an RFC 3339 time.`);
}

const invalid = (detail: string): ProblemError => new ProblemError('invalid_request', detail);
