import type { IncomingMessage } from 'node:http';
import { bodyCallbacksOf, type NodeParser, ON_BODY, ON_COMPLETE, restoreBodyCallbacks } from './node-parser.ts';

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
  const { parser } = socket as { parser?: NodeParser | null };
  const own = parser?.incoming === request ? bodyCallbacksOf(parser) : undefined;
  if (!parser || !own) {
    request.resume();
    return;
  }

  let done = false;
  let watched = false;
  const restore = () => {
    done = true;
    restoreBodyCallbacks(parser, own);
  };
  parser[ON_BODY] = null;
  parser[ON_COMPLETE] = function completed() {
    restore();
    if (watched) socket.off('close', restore);
    return own.onComplete.call(parser);
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
