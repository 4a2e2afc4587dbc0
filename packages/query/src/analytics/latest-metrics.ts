import { latestUserCounts, type UserCounts } from '@wayline/store';
import type { Sources } from '../door.ts';

/** The last counts of a project; undefined while there are none. At most so old as the cache keeps them. */
export type LatestMetrics = (projectId: number) => Promise<UserCounts | undefined>;

const KEPT_MS = 5_000;
const MAX_PROJECTS = 10_000;

/** They change once a minute: so many readers cost one query each 5 s. That there are none is asked for each time. */
export function createLatestMetrics({ read }: Pick<Sources, 'read'>, keptMs = KEPT_MS): LatestMetrics {
  const kept = new Map<number, { untilMs: number; counts: Promise<UserCounts | undefined> }>();

  function ask(projectId: number): Promise<UserCounts | undefined> {
    if (kept.size >= MAX_PROJECTS) kept.clear();
    const counts = read((reader) => latestUserCounts(reader, projectId));
    const entry = { untilMs: performance.now() + keptMs, counts };
    kept.set(projectId, entry);
    const forget = () => {
      if (kept.get(projectId) === entry) kept.delete(projectId);
    };
    counts.then((found) => {
      if (!found) forget();
    }, forget);
    return counts;
  }

  return (projectId) => {
    const entry = kept.get(projectId);
    return entry && performance.now() < entry.untilMs ? entry.counts : ask(projectId);
  };
}
