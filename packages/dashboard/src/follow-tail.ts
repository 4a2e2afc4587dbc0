import { ApiError } from './api.ts';
import { type Block, createBlockReader } from './read-blocks.ts';

export interface TailRequest {
  path: string;
  token: string;
  /** The place to go on from; '' for now. */
  lastId: string;
  signal: AbortSignal;
  onOpen(): void;
  onBlocks(blocks: readonly Block[]): void;
  /** Whoever is silent for longer is gone: the server gives a sign of life each 15 s. */
  silenceMs?: number;
}

const SILENCE_MS = 45_000;

/**
 * Follows a tail until it ends, by `fetch`, because a browser's EventSource cannot send the token.
 * @throws ApiError why it ended: what the server said, with status 0 where it could not
 */
export async function followTail(request: TailRequest): Promise<never> {
  const { path, token, lastId, signal, onOpen, onBlocks, silenceMs = SILENCE_MS } = request;
  const silent = new AbortController();
  const hangUp = () => silent.abort();
  let silence = setTimeout(hangUp, silenceMs);
  let isOpen = false;
  try {
    const response = await fetch(path, {
      headers: { Authorization: `Bearer ${token}`, ...(lastId && { 'Last-Event-ID': lastId }) },
      signal: AbortSignal.any([signal, silent.signal]),
      cache: 'no-store',
    });
    if (!response.ok || !response.body) throw asError(await response.json().catch(() => ({})), response.status);
    isOpen = true;
    onOpen();
    const read = createBlockReader();
    const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) {
      clearTimeout(silence);
      silence = setTimeout(hangUp, silenceMs);
      const blocks = read(piece.value);
      onBlocks(blocks);
      const bye = blocks.find(({ event }) => event === 'bye');
      if (bye) throw asError(JSON.parse(bye.data), 0);
    }
    throw new ApiError(0, LOST);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, isOpen ? LOST : 'The server cannot be reached.');
  } finally {
    clearTimeout(silence);
    hangUp(); // whatever is still open
  }
}

const LOST = 'The connection to the server was lost.';

function asError(body: unknown, ownStatus: number): ApiError {
  const { code, status = ownStatus, detail } = (body ?? {}) as { code?: string; status?: number; detail?: string };
  if (code === 'slow_reader') return new ApiError(status, 'Too much came at once; ask for less by a filter.');
  return new ApiError(status, detail ?? `The server answered ${status}.`);
}
