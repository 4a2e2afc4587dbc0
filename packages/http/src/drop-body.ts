import type { IncomingMessage } from 'node:http';

/** What Node's parser of a connection calls, by number: the names are not public. As of Node 20; a test tells if another differs. */
const ON_BODY = 3;
const ON_COMPLETE = 4;

type Callback = (this: Parser, ...given: unknown[]) => unknown;

interface Parser {
  /** The message that is being read; null between messages. */
  incoming?: unknown;
  [ON_BODY]?: Callback | null;
  [ON_COMPLETE]?: Callback | null;
}

/** What Node looks at before it reads off what nobody has read. */
type Dumped = IncomingMessage & { _dumped?: boolean };

/**
 * Has what is left of a request's body read off its connection and forgotten, so that the connection can be used again. A listener, and
 * Node's own way, get each part in a buffer of its own, which for a refused request is most of its cost: where more comes than can be
 * taken this is what keeps time for the rest. Nothing is copied where the parser has no callback for a body; that is given back to
 * it before the next message. What came before is dumped by Node with the answer. In a Node that is made otherwise the body is read as usual.
 */
export function dropBody(request: IncomingMessage): void {
  if (request.complete) return;
  const { socket } = request;
  const parser = (socket as { parser?: Parser | null }).parser;
  const onBody = parser?.[ON_BODY];
  const onComplete = parser?.[ON_COMPLETE];
  if (
    parser?.incoming !== request ||
    onBody?.name !== 'parserOnBody' ||
    onComplete?.name !== 'parserOnMessageComplete'
  ) {
    request.resume();
    return;
  }

  let done = false;
  let watched = false;
  const restore = () => {
    done = true;
    parser[ON_BODY] = onBody;
    parser[ON_COMPLETE] = onComplete;
  };
  parser[ON_BODY] = null;
  parser[ON_COMPLETE] = function completed() {
    restore();
    if (watched) socket.off('close', restore);
    return onComplete.call(parser);
  };
  // Of what was never begun to be read, nothing is set going, to its end, for nobody to see.
  if (request.readableFlowing === null && request.readableLength === 0) (request as Dumped)._dumped = true;
  // Most bodies came along with their head, and are gone before this.
  queueMicrotask(() => {
    if (done) return;
    watched = true;
    socket.once('close', restore); // parsers are used again for other connections
  });
}
