import { useState } from 'react';
import { counted, time } from '../formats.ts';
import { EventDetails } from '../parts/event-list.tsx';
import { FilterForm } from '../parts/filter-form.tsx';
import { linkTo, queryText } from '../route.ts';
import { useTail } from '../use-tail.ts';

const PATH = ['live'];
const FIELDS = [
  { name: 'sessionId', label: 'Session' },
  { name: 'userId', label: 'User' },
  { name: 'machineId', label: 'Machine' },
  { name: 'type', label: 'Event type' },
  { name: 'app', label: 'App' },
];

/** Events as they are stored, the newest first. */
export function LivePage({ query }: { query: Record<string, string> }) {
  const [isPaused, setPaused] = useState(false);
  const { events, skipped, isConnected, error } = useTail(`/v1/tail${queryText(query)}`, isPaused);
  const state = isPaused ? 'Paused' : isConnected ? 'Live' : 'Connecting…';
  return (
    <>
      <h1>Live tail</h1>
      <FilterForm path={PATH} query={query} fields={FIELDS} />
      {error && (
        <p className="notice bad" role="alert">
          {error.message}
        </p>
      )}
      <section className="card">
        <p className="live">
          <button type="button" className="quiet" onClick={() => setPaused(!isPaused)}>
            {isPaused ? 'Go on' : 'Pause'}
          </button>
          <span className={isConnected && !isPaused ? 'badge open' : 'badge'} role="status">
            {state}
          </span>
          {skipped > 0 && <span className="hint">up to {counted(skipped, 'event')} left out: too many at once</span>}
        </p>
        {events.length === 0 && <p className="empty">Nothing yet. Events show here within a second of being stored.</p>}
        <ol className="events">
          {events.map((event) => (
            <li key={`${event.sessionId} ${event.eventId} ${event.occurredAt}`}>
              <EventDetails event={event}>
                <time dateTime={event.receivedAt}>{time(event.receivedAt)}</time>
                <a className="since" href={linkTo(['sessions', event.sessionId])} title={event.sessionId}>
                  session
                </a>
              </EventDetails>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}
