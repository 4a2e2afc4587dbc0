import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type HttpAnswer, readAnswers } from './read-answers.ts';

/** One connection after another, each kept for as long as the server keeps it; one request at a time. */
export interface HttpLane {
  /** Rejects if there is no answer within the time. */
  ask(request: Buffer, timeoutMs: number): Promise<HttpAnswer>;
  close(): void;
}

export function openHttpLane(port: number): HttpLane {
  let socket: Socket | undefined;

  async function opened(): Promise<Socket> {
    if (socket && !socket.destroyed && socket.writable) return socket;
    socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', ignore);
    await once(socket, 'connect');
    return socket;
  }

  return {
    async ask(request, timeoutMs) {
      const open = await opened();
      const answer = await answerOf(open, request, timeoutMs).catch((error: unknown) => {
        open.destroy();
        throw error;
      });
      if (answer.headers.get('connection') === 'close') open.destroy();
      return answer;
    },
    close: () => socket?.destroy(),
  };
}

function answerOf(socket: Socket, request: Buffer, timeoutMs: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => done(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const onClose = () => done(new Error('the connection was closed without an answer'));
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      try {
        const { answers, rest } = readAnswers(bytes);
        const [answer] = answers;
        if (!answer) return;
        if (answers.length > 1 || rest.length > 0) throw new Error('more than one answer to one request');
        done(answer);
      } catch (error) {
        done(error as Error);
      }
    };
    function done(result: HttpAnswer | Error): void {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose);
      if (result instanceof Error) reject(result);
      else resolve(result);
    }
    socket.on('data', onData).on('close', onClose);
    socket.write(request);
  });
}

function ignore(): void {}
