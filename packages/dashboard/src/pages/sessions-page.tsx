import type { SessionsAnswer } from '../api.ts';
import { fromInput } from '../formats.ts';
import { CompleteThrough } from '../parts/complete-through.tsx';
import { FilterForm, RANGE } from '../parts/filter-form.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Pager } from '../parts/pager.tsx';
import { SessionTable } from '../parts/session-table.tsx';
import { queryText } from '../route.ts';
import { useAnswer } from '../use-answer.ts';

const PATH = ['sessions'];
const FIELDS = [
  { name: 'userId', label: 'User' },
  { name: 'machineId', label: 'Machine' },
  { name: 'app', label: 'App' },
  { name: 'microservice', label: 'Microservice' },
  { name: 'type', label: 'Event type' },
  ...RANGE,
];

/** All sessions, newest first, narrowed by what their events have. */
export function SessionsPage({ query }: { query: Record<string, string> }) {
  const { from, to, ...rest } = query;
  const asked = queryText({ ...rest, from: fromInput(from), to: fromInput(to), limit: '50' });
  const answer = useAnswer<SessionsAnswer>(`/v1/sessions${asked}`);
  return (
    <>
      <h1>Sessions</h1>
      <FilterForm path={PATH} query={query} fields={FIELDS} />
      <Loaded answer={answer}>
        {({ sessions, nextCursor, ...completeness }) => (
          <>
            <CompleteThrough {...completeness} />
            {sessions.length > 0 ? (
              <SessionTable sessions={sessions} />
            ) : (
              <p className="notice">
                {Object.keys(query).length > 0 ? 'No session matches.' : 'No event has been stored yet.'}
              </p>
            )}
            <Pager path={PATH} query={query} nextCursor={nextCursor} />
          </>
        )}
      </Loaded>
    </>
  );
}
