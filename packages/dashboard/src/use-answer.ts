import { createContext, useContext, useEffect, useState } from 'react';
import { ApiError, getJson } from './api.ts';

export interface Access {
  token: string;
  /** The token is no longer good: it is forgotten, and another asked for. */
  refuse(reason: string): void;
}

export const AccessContext = createContext<Access>({ token: '', refuse: () => undefined });

export interface Answer<T> {
  /** While the next is loaded, the one before stays. */
  value: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
}

/** What the API answers to a GET of the path; asked again whenever the path changes. */
export function useAnswer<T>(path: string): Answer<T> {
  const { token, refuse } = useContext(AccessContext);
  const [answer, setAnswer] = useState<Answer<T>>({ value: undefined, error: undefined, loading: true });

  useEffect(() => {
    const abort = new AbortController();
    setAnswer(({ value }) => ({ value, error: undefined, loading: true }));
    getJson<T>(path, token, abort.signal).then(
      (value) => setAnswer({ value, error: undefined, loading: false }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const known = error instanceof ApiError ? error : new ApiError(0, String(error));
        if (known.status === 401) refuse(known.message);
        setAnswer({ value: undefined, error: known, loading: false });
      },
    );
    return () => abort.abort();
  }, [path, token, refuse]);

  return answer;
}
