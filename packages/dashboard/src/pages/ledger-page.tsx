import type { LedgerAnswer, LedgerHour } from '../api.ts';
import { fromInput, minute, number } from '../formats.ts';
import { CompleteThrough } from '../parts/complete-through.tsx';
import { FilterForm, RANGE } from '../parts/filter-form.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { sumOf } from '../parts/sum-of.ts';
import { queryText } from '../route.ts';
import { useAnswer } from '../use-answer.ts';

const PARTS = [
  ['read', 'Read'],
  ['stored', 'Stored'],
  ['duplicate', 'Duplicate'],
  ['deadLettered', 'Dead letters'],
  ['erased', 'Erased'],
  ['expired', 'Expired unread'],
] as const;

/** What became of every record that was read from the log, by the hour in which the log took it. */
export function LedgerPage({ query }: { query: Record<string, string> }) {
  const range = { from: fromInput(query.from), to: fromInput(query.to) };
  const answer = useAnswer<LedgerAnswer>(`/v1/ledger${queryText(range)}`);
  return (
    <>
      <h1>Ledger</h1>
      <p className="lead">
        Every record that is read from the log is stored, a duplicate, a dead letter or erased: the sums must agree.
      </p>
      <FilterForm path={['ledger']} query={query} fields={RANGE} />
      <Loaded answer={answer}>{(ledger) => <Ledger {...ledger} />}</Loaded>
    </>
  );
}

function Ledger({ hours, unattributed, pending, ...completeness }: LedgerAnswer) {
  const total = sumOf(hours);
  const balanced = [...hours, ...unattributed].every((hour) => hour.balanced);
  return (
    <>
      <CompleteThrough {...completeness} />
      <p className={`notice ${balanced ? 'good' : 'bad'}`} role="status">
        {balanced ? 'The ledger balances.' : 'The ledger does not balance: see the hours marked below.'}
      </p>
      <dl className="card summary">
        {PARTS.map(([part, title]) => (
          <div key={part}>
            <dt>{title}</dt>
            <dd className="big">{number(total[part])}</dd>
          </div>
        ))}
        <div>
          <dt>Not stored yet, at most</dt>
          <dd className="big">{pending === null ? 'unknown' : number(pending)}</dd>
        </div>
      </dl>
      {hours.length > 0 && <Hours hours={hours} />}
      {unattributed.length > 0 && (
        <>
          <h2>Records whose project cannot be told</h2>
          <Hours hours={unattributed} />
        </>
      )}
    </>
  );
}

function Hours({ hours }: { hours: readonly LedgerHour[] }) {
  return (
    <div className="wide">
      <table>
        <thead>
          <tr>
            <th scope="col">Hour of the log</th>
            {PARTS.map(([part, title]) => (
              <th key={part} scope="col" className="figure">
                {title}
              </th>
            ))}
            <th scope="col">Sum</th>
          </tr>
        </thead>
        <tbody>
          {hours.toReversed().map((hour) => (
            <tr key={hour.hour}>
              <th scope="row">{minute(hour.hour)}</th>
              {PARTS.map(([part]) => (
                <td key={part} className={hour[part] === 0 ? 'figure none' : 'figure'}>
                  {number(hour[part])}
                </td>
              ))}
              <td>
                <span className={`badge ${hour.balanced ? 'open' : 'bad'}`}>
                  {hour.balanced ? 'agrees' : 'does not agree'}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
