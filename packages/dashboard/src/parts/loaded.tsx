import type { ReactNode } from 'react';
import type { Answer } from '../use-answer.ts';

/** What became of a question: its answer by `children`, an error, or that it is on its way. */
export function Loaded<T>({ answer, children }: { answer: Answer<T>; children(value: T): ReactNode }) {
  const { value, error, loading } = answer;
  if (error) {
    return (
      <p className="notice bad" role="alert">
        {error.status === 403 ? `This token does not allow it. ${error.message}` : error.message}
      </p>
    );
  }
  if (value === undefined) return <p className="notice">Loading…</p>;
  return <div aria-busy={loading}>{children(value)}</div>;
}
