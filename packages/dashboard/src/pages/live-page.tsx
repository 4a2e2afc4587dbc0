import { useState } from 'react';
import { counted, time } from '../formats.ts';
import { EventDetails } from '../parts/event-list.tsx';
import { FilterForm } from '../parts/filter-form.tsx';
import { linkTo, queryText } from '../route.ts';
import { type Tail, useTail } from '../use-tail.ts';

const PATH = ['live'];
const FIELDS = [
  { name: 'sessionId', label: 'Session' },
  { name: 'userId', label: 'User' },
  { name: 'machineId', label: 'Machine' },
  { name: 'type', label: 'Event type' },
  { name: 'app', label: 'App' },
];

const STATES: Record<Tail['state'], { label: string; look: string }> = {
  connecting: { label: 'Connecting…', look: '' },
  live: { label: 'Live', look: 'open' },
  away: { label: 'Connecting again…', look: 'bad' },
  refused: { label: 'Refused', look: 'bad' },
};

/** Events as they are stored, the newest first. */
export function LivePage({ query }: { query: Record<string, string> }) {
  const [isPaused, setPaused] = useState(false);
  const { events, skipped, state, reason } = useTail(`/v1/tail${queryText(query)}`, isPaused);
  const { label, look } = isPaused ? { label: 'Paused', look: '' } : STATES[state];
  return (
    <>
      <h1>Live tail</h1>
      <FilterForm path={PATH} query={query} fields={FIELDS} />
      {reason && !isPaused && (
        <p className="notice bad" role="alert">
          {reason}
          {state === 'away' && ' It is tried again; nothing that is stored meanwhile is lost.'}
        </p>
      )}
      <section className="card">
        <p className="live">
          {state !== 'refused' && (
            <button type="button" className="quiet" onClick={() => setPaused(!isPaused)}>
              {isPaused ? 'Go on' : 'Pause'}
            </button>
          )}
          <span className={`badge ${look}`} role="status">
            {label}
          </span>
          {skipped > 0 && <span className="hint">up to {counted(skipped, 'event')} left out: too many at once</span>}
        </p>
        {events.length === 0 && state !== 'refused' && (
          <p className="empty">Nothing yet. Events show here within a second of being stored.</p>
        )}
        <ol className="events of-sessions">
          {events.map((event) => (
            <li key={`${event.sessionId} ${event.eventId} ${event.occurredAt}`}>
              <EventDetails event={event}>
                <time dateTime={event.receivedAt}>{time(event.receivedAt)}</time>
                <a className="id" href={linkTo(['sessions', event.sessionId])} title={`Session ${event.sessionId}`}>
                  {event.sessionId}
                </a>
              </EventDetails>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}
