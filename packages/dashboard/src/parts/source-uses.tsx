import type { SourceUse } from '../api.ts';
import { dateTime, number } from '../formats.ts';
import { hueOf } from './hue-of.ts';

/** Apps or microservices with how often they reported, and from when to when. */
export function SourceUses({ title, uses }: { title: string; uses: readonly SourceUse[] }) {
  const most = Math.max(...uses.map(({ count }) => count));
  return (
    <section className="card">
      <h2>{title}</h2>
      {uses.length === 0 && <p className="empty">None.</p>}
      <ul className="uses">
        {uses.map(({ name, count, firstAt, lastAt }) => (
          <li key={name} className={`hue-${hueOf(name)}`}>
            <span className="name">{name}</span>
            <span className="count">{number(count)}</span>
            <progress max={most} value={count} aria-hidden="true" />
            <span className="span">
              {dateTime(firstAt)} – {dateTime(lastAt)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
