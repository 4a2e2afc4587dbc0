import { IncomingMessage } from 'node:http';

/**
 * A request that leaves HTTP for a WebSocket only. Once a server listens for upgrades Node gives it those to any protocol in
 * place of the request, and Java's client, for one, offers `h2c` with each of its first requests: they are answered as if it
 * had not. Node sets `upgrade` before the headers are there, and reads it after.
 */
export class UpgradableRequest extends IncomingMessage {
  offered: unknown;

  get upgrade(): boolean {
    return this.offered === true && this.headers.upgrade?.toLowerCase() === 'websocket';
  }

  set upgrade(offered: unknown) {
    this.offered = offered;
  }
}
