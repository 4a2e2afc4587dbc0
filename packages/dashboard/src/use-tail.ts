import { useContext, useEffect, useRef, useState } from 'react';
import { ApiError, type StoredEvent } from './api.ts';
import { createBlockReader } from './read-blocks.ts';
import { AccessContext } from './use-answer.ts';

export interface Tail {
  /** The newest first. */
  events: readonly StoredEvent[];
  /** Events that were left out because there were too many, at most. */
  skipped: number;
  isConnected: boolean;
  error: ApiError | undefined;
}

/** So many are shown. */
const KEPT = 200;
const AGAIN_MS = 2_000;
const NOTHING: Tail = { events: [], skipped: 0, isConnected: false, error: undefined };

/** Follows a tail by `fetch`, because a browser's EventSource cannot send the token. After a pause it makes up for what came meanwhile. */
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
    const place = lastId.current;

    function take(blocks: ReturnType<ReturnType<typeof createBlockReader>>): void {
      const events: StoredEvent[] = [];
      let skipped = 0;
      for (const { event, data, id } of blocks) {
        place.id = id;
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

    async function follow(): Promise<void> {
      const response = await fetch(path, {
        headers: { Authorization: `Bearer ${token}`, ...(place.id && { 'Last-Event-ID': place.id }) },
        signal: abort.signal,
        cache: 'no-store',
      });
      if (!response.ok || !response.body) {
        const { detail } = (await response.json().catch(() => ({}))) as { detail?: string };
        throw new ApiError(response.status, detail ?? `The server answered ${response.status}.`);
      }
      setTail((before) => ({ ...before, isConnected: true, error: undefined }));
      const read = createBlockReader();
      const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) take(read(piece.value));
    }

    async function goOn(): Promise<void> {
      while (!abort.signal.aborted) {
        let error: ApiError | undefined;
        try {
          await follow();
        } catch (thrown) {
          error = thrown instanceof ApiError ? thrown : new ApiError(0, 'The server cannot be reached.');
        }
        if (abort.signal.aborted) return;
        setTail((before) => ({ ...before, isConnected: false, error }));
        if (error?.status === 401) return refuse(error.message);
        if (error && error.status >= 400 && error.status < 500) return;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }

    void goOn();
    return () => abort.abort();
  }, [path, isPaused, token, refuse]);

  return tail;
}
