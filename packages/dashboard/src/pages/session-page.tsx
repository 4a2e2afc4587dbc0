import type { EventsAnswer, Hop, SessionSummary, SourceUse } from '../api.ts';
import { dateTime, duration, number, time } from '../formats.ts';
import { EventList } from '../parts/event-list.tsx';
import { EventStrip } from '../parts/event-strip.tsx';
import { hueOf } from '../parts/hue-of.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Pager } from '../parts/pager.tsx';
import { SessionExports } from '../parts/session-exports.tsx';
import { SessionState } from '../parts/session-state.tsx';
import { SourceUses } from '../parts/source-uses.tsx';
import { linkTo, queryText } from '../route.ts';
import { useAnswer } from '../use-answer.ts';

/** A session: what is known of it, its way through the apps, what it used, and all its events. */
export function SessionPage({ id, query }: { id: string; query: Record<string, string> }) {
  const base = `/v1/sessions/${encodeURIComponent(id)}`;
  const summary = useAnswer<SessionSummary>(base);
  const navigation = useAnswer<{ hops: Hop[] }>(`${base}/navigation`);
  const components = useAnswer<{ apps: SourceUse[]; microservices: SourceUse[] }>(`${base}/components`);
  const events = useAnswer<EventsAnswer>(`${base}/events${queryText({ ...query, limit: '200' })}`);
  if (summary.error) return <Loaded answer={summary}>{() => null}</Loaded>;
  return (
    <>
      <p className="crumb">
        <a href={linkTo(['sessions'])}>Sessions</a>
      </p>
      <h1 className="id">{id}</h1>
      <SessionExports base={base} />
      <Loaded answer={summary}>{(session) => <Summary session={session} />}</Loaded>
      <Loaded answer={navigation}>{({ hops }) => <Navigation hops={hops} />}</Loaded>
      <Loaded answer={components}>
        {({ apps, microservices }) => (
          <div className="pair">
            <SourceUses title="Apps" uses={apps} />
            <SourceUses title="Microservices" uses={microservices} />
          </div>
        )}
      </Loaded>
      <section className="card">
        <h2>Events</h2>
        <Loaded answer={events}>
          {(answer) => (
            <>
              <EventStrip events={answer.events} />
              <EventList events={answer.events} by="correctedAt" gaps={answer.gaps} />
              <Pager path={['sessions', id]} query={query} nextCursor={answer.nextCursor} />
            </>
          )}
        </Loaded>
      </section>
    </>
  );
}

function Summary({ session }: { session: SessionSummary }) {
  const { machineId, previousSessionId, userId } = session;
  return (
    <dl className="card summary">
      <Fact name="State">
        <SessionState endReason={session.endReason} />
      </Fact>
      <Fact name="User">{userId ? <a href={linkTo(['sessions'], { userId })}>{userId}</a> : '–'}</Fact>
      <Fact name="Machine">{machineId ? <a href={linkTo(['machines', machineId])}>{machineId}</a> : '–'}</Fact>
      <Fact name="Platform">{session.platform ?? '–'}</Fact>
      <Fact name="Started">{dateTime(session.startedAt)}</Fact>
      <Fact name="Ended">{dateTime(session.endedAt)}</Fact>
      <Fact name="Length">{duration(Date.parse(session.lastAt) - Date.parse(session.firstAt))}</Fact>
      <Fact name="Events">{number(session.eventCount)}</Fact>
      {previousSessionId && (
        <Fact name="Continues">
          <a href={linkTo(['sessions', previousSessionId])}>{previousSessionId}</a>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const HOPS_SHOWN = 60;

function Navigation({ hops }: { hops: readonly Hop[] }) {
  const [first] = hops;
  if (!first) return null;
  return (
    <section className="card">
      <h2>Way through the apps</h2>
      <ol className="hops">
        <li className={`hue-${hueOf(first.from)}`}>{first.from}</li>
        {hops.slice(0, HOPS_SHOWN).map(({ to, at, page }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: there may be several in a millisecond, and they never move.
          <li key={index} className={`hue-${hueOf(to)}`} title={page ?? undefined}>
            {to} <time dateTime={at}>{time(at)}</time>
          </li>
        ))}
      </ol>
      {hops.length > HOPS_SHOWN && <p className="hint">and {number(hops.length - HOPS_SHOWN)} more</p>}
    </section>
  );
}
