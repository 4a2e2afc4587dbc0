import type { ReactNode } from 'react';
import type { SeqGap, StoredEvent } from '../api.ts';
import { counted, date, duration, time } from '../formats.ts';
import { linkTo } from '../route.ts';
import { hueOf } from './hue-of.ts';

interface EventListProps {
  events: readonly StoredEvent[];
  /** The time that the list is ordered by. */
  by: 'correctedAt' | 'occurredAt';
  /** Whether the events are of several sessions: then each change is told. */
  sessions?: boolean;
  gaps?: readonly SeqGap[] | undefined;
}

/** Events in order: a line each, which opens to everything that is known of it. */
export function EventList({ events, by, sessions = false, gaps = [] }: EventListProps) {
  return (
    <ol className="events">
      {events.map((event, index) => {
        const before = events[index - 1];
        const at = event[by];
        const gap = gaps.find(({ eventId, before: seq }) => eventId === event.eventId && seq === event.seq);
        return (
          <li key={`${event.sessionId} ${event.eventId} ${event.occurredAt}`}>
            {(!before || date(before[by]) !== date(at)) && <h3 className="day">{date(at)}</h3>}
            {sessions && before?.sessionId !== event.sessionId && (
              <p className="session">
                Session <a href={linkTo(['sessions', event.sessionId])}>{event.sessionId}</a>
              </p>
            )}
            {gap && (
              <p className="gap">
                {counted(gap.missing, 'event')} of this source missing here, by its own numbers{' '}
                {gap.after === null ? `(before ${gap.before})` : `(between ${gap.after} and ${gap.before})`}
              </p>
            )}
            <EventDetails event={event}>
              <time dateTime={at}>{time(at)}</time>
              <span className="since">{before && `+${duration(Date.parse(at) - Date.parse(before[by]))}`}</span>
            </EventDetails>
          </li>
        );
      })}
    </ol>
  );
}

/** One event: a line, with what stands before it, which opens to everything that is known of it. */
export function EventDetails({ event, children }: { event: StoredEvent; children: ReactNode }) {
  return (
    <details>
      <summary>
        {children}
        <span className="type">{event.type}</span>
        <Source event={event} />
        <span className="what">{event.target ?? event.page ?? ''}</span>
      </summary>
      <Fields event={event} />
    </details>
  );
}

function Source({ event: { source } }: { event: StoredEvent }) {
  return <span className={`source hue-${hueOf(source?.name)}`}>{source?.name ?? ''}</span>;
}

function Fields({ event }: { event: StoredEvent }) {
  const fields = Object.entries(event).filter(([, value]) => value !== null && value !== undefined);
  return (
    <dl className="fields">
      {fields.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'object' ? <pre>{JSON.stringify(value, null, 2)}</pre> : String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
