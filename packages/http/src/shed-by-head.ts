import { type IncomingHttpHeaders, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ProblemError } from '@wayline/contracts';
import {
  bodyCallbacksOf,
  type NodeParser,
  ON_BODY,
  ON_COMPLETE,
  ON_HEAD,
  restoreBodyCallbacks,
} from './node-parser.ts';
import { problemHeaders } from './problems.ts';

/** Who refuses requests that were not even made requests of. */
export interface Shedder {
  /** Whether it is worth asking: false where nothing was refused of late. */
  armed(): boolean;
  /**
   * What a POST is refused with, if that is all that could become of it. It is asked only about plain ones: the headers are
   * those of `PLAIN` that were sent, each once, and the request has none of `NOT_PLAIN`.
   */
  refusalOf(head: { url: string; headers: IncomingHttpHeaders }): Shed | undefined;
}

export interface Shed {
  error: ProblemError;
  requestId: string;
}

/** A method, by the parser's number. */
const POST = 3;

/** What a refusal may depend on. */
const PLAIN: ReadonlySet<string> = new Set(['authorization', 'content-length', 'host']);
/** What may ask for another answer. */
const NOT_PLAIN: ReadonlySet<string> = new Set(['origin', 'expect', 'x-request-id', 'transfer-encoding']);

type OnHead = (
  this: Parser,
  major: number,
  minor: number,
  headers: string[] | undefined,
  method: number,
  url: string,
  status: unknown,
  message: unknown,
  upgrade: boolean,
  keepAlive: boolean,
) => unknown;

/** `_httpMessage`: the answer that is next. */
type ServerSocket = Socket & { server?: Server; _httpMessage?: unknown };

interface Parser extends NodeParser {
  socket: ServerSocket | null;
  [ON_HEAD]: OnHead;
}

const gates = new WeakMap<Server, Shedder>();
/** Parsers go from one connection to another, and from one server to another. */
const gated = new WeakSet<Parser>();
/** Connections over which nothing has come but what was refused here: Node does not know that they may be idle too long. */
const watchedHere = new WeakSet<Socket>();

/**
 * Has a shedder asked about each request when its head is there, before Node makes objects of it, of its headers and of an answer: that is
 * half of what a refusal costs the process, and where more comes than can be taken, refusals are what it is kept from its work by. Only on
 * connections on which nothing is under way. In a Node that is made otherwise nobody is asked, and requests are refused as others are.
 */
export function shedByHead(server: Server, shedder: Shedder): void {
  gates.set(server, shedder);
  server.on('connection', (socket: Socket & { parser?: Parser }) => {
    if (socket.parser) gate(socket.parser);
  });
}

function gate(parser: Parser): void {
  if (gated.has(parser)) return;
  const onHead = parser[ON_HEAD];
  const own = bodyCallbacksOf(parser);
  if (onHead?.name !== 'parserOnHeadersComplete' || !own) return;
  gated.add(parser);

  const dropped = () => {
    restoreBodyCallbacks(parser, own);
    return own.onComplete.call(parser);
  };
  // Named as Node's own is, so that another copy of this module can stand before it.
  const parserOnHeadersComplete: OnHead = (major, minor, headers, method, url, status, message, upgrade, keepAlive) => {
    if (parser[ON_COMPLETE] === dropped) restoreBodyCallbacks(parser, own); // its last connection ended amid a body
    const { socket } = parser;
    const isPlain = method === POST && minor === 1 && keepAlive && !upgrade;
    const answer = isPlain && socket && headers ? answerByHead(socket, url, headers) : undefined;
    if (answer !== undefined) {
      if (socket) answerSoon(socket, answer);
      parser.incoming = null;
      parser[ON_BODY] = null; // so that nothing is copied of it
      parser[ON_COMPLETE] = dropped;
      return 0;
    }
    if (socket && soon.has(socket)) answerNow(); // answers keep the order of their requests
    if (socket && watchedHere.delete(socket)) socket.setTimeout(socket.server?.timeout ?? 0); // while it is under way
    return onHead.call(parser, major, minor, headers, method, url, status, message, upgrade, keepAlive);
  };
  parser[ON_HEAD] = parserOnHeadersComplete;
}

/** Answers that go at the end of this turn of the loop: those who read them are woken once for many. */
const soon = new Map<ServerSocket, string>();

function answerSoon(socket: ServerSocket, answer: string): void {
  if (soon.size === 0) setImmediate(answerNow);
  soon.set(socket, answer);
}

function answerNow(): void {
  for (const [socket, answer] of soon) {
    if (!socket.writable) continue; // it is gone meanwhile
    socket.write(answer);
    if (!isWatched(socket)) watch(socket);
  }
  soon.clear();
}

function answerByHead(socket: ServerSocket, url: string, raw: readonly string[]): string | undefined {
  const { server } = socket;
  const shedder = server && gates.get(server);
  if (!shedder?.armed() || !isIdle(socket)) return undefined;
  const headers = plain(raw);
  const shed = headers && shedder.refusalOf({ url, headers });
  return shed && server && answerOf(shed, server);
}

/** Nothing is under way on it, its client reads its answers, and it is kept no longer than a while without a request. */
function isIdle(socket: ServerSocket): boolean {
  return (
    !socket._httpMessage && !soon.has(socket) && socket.writableLength === 0 && !socket.isPaused() && isKept(socket)
  );
}

const isWatched = ({ timeout = 0 }: Socket): boolean => timeout > 0;

/** Where Node has answered before, it watches it; else it is watched here. */
const isKept = (socket: ServerSocket): boolean => isWatched(socket) || (socket.server?.keepAliveTimeout ?? 0) > 0;

function watch(socket: ServerSocket): void {
  watchedHere.add(socket);
  socket.setTimeout(socket.server?.keepAliveTimeout ?? 0);
}

/** The headers that a refusal may depend on; undefined where others may ask for another answer, or one of them is twice. */
function plain(raw: readonly string[]): IncomingHttpHeaders | undefined {
  const headers: IncomingHttpHeaders = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (NOT_PLAIN.has(name)) return undefined;
    if (!PLAIN.has(name)) continue;
    if (headers[name] !== undefined) return undefined;
    headers[name] = raw[i + 1];
  }
  return headers.host === undefined ? undefined : headers;
}

/** As Node writes it. */
function answerOf({ error, requestId }: Shed, { keepAliveTimeout }: Server): string {
  const { status } = error.problem;
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  const headers = problemHeaders(error, requestId);
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  const kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}`;
  return `${head}Content-Length: ${Buffer.byteLength(error.text)}\r\nDate: ${date()}\r\n${kept}\r\n\r\n${error.text}`;
}

let dateSecond = 0;
let dateText = '';

function date(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
