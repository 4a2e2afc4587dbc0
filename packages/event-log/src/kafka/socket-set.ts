import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';
import { readFrames } from './answer-frames.ts';

/** The error with which those who wait are told. */
export const CLOSED_HERE = 'this client is closed';

/**
 * Makes kafkajs' sockets, and can end them all: kafkajs only half-closes a socket, waits for answers that may never come
 * before it does, and loses hold of one where two calls connect at once.
 */
export interface SocketSet {
  readonly factory: ISocketFactory;
  /** Ends all sockets, so that whoever waits for an answer on one is told so; from then on no new one is made. */
  close(): void;
}

export function createSocketSet(): SocketSet {
  const open = new Set<Socket>();
  let closed = false;
  return {
    factory({ host, port, ssl, onConnect }) {
      if (closed) throw new Error(CLOSED_HERE);
      const servername = isIP(host) ? {} : { servername: host };
      // kafkajs hands the user's `ssl` on, which may be `true`: spreading that adds nothing.
      const tls = ssl as object | undefined;
      const onread = readFrames((frame) => socket.emit('data', frame));
      const overTls = { host, port, ...servername, ...tls, onread }; // which @types/node does not know of connections with TLS
      const socket: Socket = tls ? connectTls(overTls, onConnect) : connectTcp({ host, port, onread }, onConnect);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 60_000);
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      return socket;
    },
    close() {
      closed = true;
      // Only with an error do kafkajs' connections notice it.
      for (const socket of open) socket.destroy(new Error(CLOSED_HERE));
    },
  };
}
