import { useContext, useEffect, useRef, useState } from 'react';
import type { ApiError, StoredEvent } from './api.ts';
import { followTail } from './follow-tail.ts';
import type { Block } from './read-blocks.ts';
import { AccessContext } from './use-answer.ts';

export interface Tail {
  /** The newest first. */
  events: readonly StoredEvent[];
  /** Events that were left out because there were too many, at most. */
  skipped: number;
  /** `refused` is the end, `away` is not: it is tried again. */
  state: 'connecting' | 'live' | 'away' | 'refused';
  /** Why it is away, or refused. */
  reason: string | undefined;
}

/** So many are shown. */
const KEPT = 200;
const AGAIN_MS = 2_000;
const NOTHING: Tail = { events: [], skipped: 0, state: 'connecting', reason: undefined };

/** Follows a tail. After a pause, or when the server is back, it makes up for what came meanwhile. */
export function useTail(path: string, isPaused: boolean): Tail {
  const { token, refuse } = useContext(AccessContext);
  const [tail, setTail] = useState(NOTHING);
  const lastId = useRef({ path, id: '' });

  useEffect(() => {
    if (lastId.current.path === path) return;
    lastId.current = { path, id: '' };
    setTail(NOTHING);
  }, [path]);

  useEffect(() => {
    if (isPaused) return;
    const abort = new AbortController();
    const { signal } = abort;
    const place = lastId.current;

    function take(blocks: readonly Block[]): void {
      const events: StoredEvent[] = [];
      let skipped = 0;
      for (const { event, data, id } of blocks) {
        if (id) place.id = id;
        if (event === 'message' && data) events.unshift(JSON.parse(data) as StoredEvent);
        if (event === 'skipped') skipped += (JSON.parse(data) as { events: number | null }).events ?? 0;
      }
      if (events.length + skipped === 0) return;
      setTail((before) => ({
        ...before,
        events: [...events, ...before.events].slice(0, KEPT),
        skipped: before.skipped + skipped,
      }));
    }

    const isOpen = () => setTail((before) => ({ ...before, state: 'live', reason: undefined }));

    async function goOn(): Promise<void> {
      while (!signal.aborted) {
        try {
          await followTail({ path, token, lastId: place.id, signal, onOpen: isOpen, onBlocks: take });
        } catch (error) {
          if (signal.aborted) return;
          const { status, message } = error as ApiError;
          if (status === 401) return refuse(message);
          const isRefused = status >= 400 && status < 500;
          setTail((before) => ({ ...before, state: isRefused ? 'refused' : 'away', reason: message }));
          if (isRefused) return;
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }

    setTail((before) => ({ ...before, state: 'connecting' }));
    void goOn();
    return () => abort.abort();
  }, [path, isPaused, token, refuse]);

  return tail;
}
