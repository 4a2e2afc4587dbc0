import { LIMITS } from '@wayline/contracts';
import type { HttpAnswer } from '../send/read-answers.ts';

/** How many records of a request there must be in the log. */
export interface Acknowledged {
  least: number;
  most: number;
  /** Ids that must be among them. */
  ids: string[];
}

/** What was acknowledged, by request id. */
export type Acknowledgements = Map<string, Acknowledged>;

const NOTHING: Acknowledged = { least: 0, most: 0, ids: [] };

/** What an answer acknowledges. @param messages of a batch of Segment's, where the client knows */
export function acknowledgedBy({ status, body }: HttpAnswer, path: string, messages?: number): Acknowledged {
  if (status < 200 || status > 299) return NOTHING;
  if (status === 204) return exactly(1);
  const answer = JSON.parse(String(body)) as {
    accepted?: number;
    ids?: string[];
    success?: boolean;
    rejected?: unknown[];
  };
  if (typeof answer.accepted === 'number') return exactly(answer.accepted, answer.ids);
  const { rejected = [] } = answer;
  if (answer.success) {
    if (!/^\/v1\/(batch|b)\b/.test(path)) return exactly(1);
    return messages === undefined
      ? { least: 1, most: LIMITS.eventsPerRequest, ids: [] }
      : exactly(messages - rejected.length);
  }
  if (path === '/session/refresh') return { least: 1, most: 2, ids: [] };
  return exactly(/^\/v1\/sessions\/.*\/refresh$/.test(path) ? 2 : 1);
}

const exactly = (events: number, ids: string[] = []): Acknowledged => ({ least: events, most: events, ids });

/** One more acknowledgement of a request; several answers may have one id. @param open whether there may be more than is known of */
export function note(all: Acknowledgements, requestId: string, more: Acknowledged, open = false): void {
  const before = all.get(requestId) ?? NOTHING;
  all.set(requestId, {
    least: before.least + more.least,
    most: open ? Number.POSITIVE_INFINITY : before.most + more.most,
    ids: [...before.ids, ...more.ids],
  });
}
