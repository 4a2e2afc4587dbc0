import type { StoredEvent } from '../api.ts';
import { counted, duration, time } from '../formats.ts';
import { hueOf } from './hue-of.ts';

const WIDTH = 1000;
const LANE = 26;
const LABEL = 150;

/** The events of a session as dots over time, a lane for each source. The list below it says the same in words. */
export function EventStrip({ events }: { events: readonly StoredEvent[] }) {
  const times = events.map(({ correctedAt }) => Date.parse(correctedAt));
  const first = Math.min(...times);
  const span = Math.max(...times) - first;
  if (events.length < 2 || span === 0) return null;

  const lanes = [...new Set(events.map(({ source }) => source?.name ?? 'no source'))];
  const x = (ms: number) => LABEL + 10 + ((ms - first) / span) * (WIDTH - LABEL - 20);
  const y = (lane: number) => LANE * lane + LANE / 2;
  const height = LANE * lanes.length;
  return (
    <figure className="strip">
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        role="img"
        aria-label={`${counted(events.length, 'event')} of ${counted(lanes.length, 'source')} over ${duration(span)}`}
      >
        {lanes.map((name, lane) => (
          <g key={name}>
            <line className="lane" x1={LABEL} x2={WIDTH} y1={y(lane)} y2={y(lane)} />
            <text x={LABEL - 12} y={y(lane)} textAnchor="end" dominantBaseline="central">
              {name.length > 20 ? `${name.slice(0, 19)}…` : name}
            </text>
          </g>
        ))}
        {events.map(({ eventId, type, source, correctedAt }, index) => (
          <circle
            key={`${eventId} ${correctedAt}`}
            className={`hue-${hueOf(source?.name)}`}
            cx={x(times[index] as number)}
            cy={y(lanes.indexOf(source?.name ?? 'no source'))}
            r="5.5"
          >
            <title>{`${time(correctedAt)} ${type}`}</title>
          </circle>
        ))}
      </svg>
      <figcaption>
        <time>{time(new Date(first).toISOString())}</time>
        <span>{duration(span)}</span>
        <time>{time(new Date(first + span).toISOString())}</time>
      </figcaption>
    </figure>
  );
}
