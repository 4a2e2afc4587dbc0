import { linkTo } from '../route.ts';

interface PagerProps {
  path: readonly string[];
  query: Record<string, string>;
  nextCursor: string | null | undefined;
}

/** On to the next page of a list, and back to its first; the browser's own Back goes one page back. */
export function Pager({ path, query, nextCursor }: PagerProps) {
  if (!nextCursor && !query.cursor) return null;
  return (
    <nav className="pager" aria-label="Pages">
      {query.cursor && <a href={linkTo(path, { ...query, cursor: undefined })}>First page</a>}
      {nextCursor && <a href={linkTo(path, { ...query, cursor: nextCursor })}>Next page</a>}
    </nav>
  );
}
