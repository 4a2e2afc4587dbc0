/** What Node's parser of a connection calls, by number: the names are not public. As of Node 20; a test tells if another differs. */
export const ON_HEAD = 2;
export const ON_BODY = 3;
export const ON_COMPLETE = 4;

type Callback = (this: NodeParser, ...given: unknown[]) => unknown;

/** Of a server's connection. */
export interface NodeParser {
  /** The message that is being read; null between messages. */
  incoming?: unknown;
  [ON_BODY]?: Callback | null;
  [ON_COMPLETE]?: Callback | null;
}

export interface BodyCallbacks {
  onBody: Callback;
  onComplete: Callback;
}

/** Node's own callbacks for a body and for its end; undefined where others are in their place, as in a Node that is made otherwise. */
export function bodyCallbacksOf(parser: NodeParser): BodyCallbacks | undefined {
  const { [ON_BODY]: onBody, [ON_COMPLETE]: onComplete } = parser;
  if (onBody?.name !== 'parserOnBody' || onComplete?.name !== 'parserOnMessageComplete') return undefined;
  return { onBody, onComplete };
}

export function restoreBodyCallbacks(parser: NodeParser, { onBody, onComplete }: BodyCallbacks): void {
  parser[ON_BODY] = onBody;
  parser[ON_COMPLETE] = onComplete;
}
