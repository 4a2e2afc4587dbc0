import type { EventsAnswer, SourceUse } from '../api.ts';
import { fromInput } from '../formats.ts';
import { EventList } from '../parts/event-list.tsx';
import { FilterForm, RANGE } from '../parts/filter-form.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Pager } from '../parts/pager.tsx';
import { SourceUses } from '../parts/source-uses.tsx';
import { linkTo, queryText } from '../route.ts';
import { useAnswer } from '../use-answer.ts';

/** A machine's events over all sessions, by its own clock, and the microservices it consumed. */
export function MachinePage({ id, query }: { id: string | undefined; query: Record<string, string> }) {
  if (!id) return <AskForMachine />;
  return (
    <>
      <p className="crumb">
        <a href={linkTo(['machines'])}>Machines</a>
      </p>
      <h1 className="id">{id}</h1>
      <p>
        <a href={linkTo(['sessions'], { machineId: id })}>Its sessions</a>
      </p>
      <FilterForm path={['machines', id]} query={query} fields={RANGE} />
      <Machine id={id} query={query} />
    </>
  );
}

function Machine({ id, query }: { id: string; query: Record<string, string> }) {
  const base = `/v1/machines/${encodeURIComponent(id)}`;
  const range = { from: fromInput(query.from), to: fromInput(query.to) };
  const events = useAnswer<EventsAnswer>(
    `${base}/timeline${queryText({ ...range, cursor: query.cursor, limit: '200' })}`,
  );
  const services = useAnswer<{ microservices: SourceUse[] }>(`${base}/microservices${queryText(range)}`);
  return (
    <>
      <Loaded answer={services}>
        {({ microservices }) => <SourceUses title="Microservices" uses={microservices} />}
      </Loaded>
      <section className="card">
        <h2>Timeline, by the machine’s own clock</h2>
        <Loaded answer={events}>
          {(answer) => (
            <>
              {answer.events.length === 0 && <p className="empty">No event of this machine in this range.</p>}
              <EventList events={answer.events} by="occurredAt" sessions />
              <Pager path={['machines', id]} query={query} nextCursor={answer.nextCursor} />
            </>
          )}
        </Loaded>
      </section>
    </>
  );
}

function AskForMachine() {
  const submit = (form: FormData) => {
    const id = String(form.get('id') ?? '').trim();
    if (id) window.location.hash = linkTo(['machines', id]);
  };
  return (
    <>
      <h1>Machines</h1>
      <form className="filters" action={submit}>
        <label>
          Machine id
          <input name="id" required autoComplete="off" spellCheck={false} />
        </label>
        <span className="actions">
          <button type="submit">Show its timeline</button>
        </span>
      </form>
    </>
  );
}
