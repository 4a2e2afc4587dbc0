import type { KafkaCluster, ProxiedConnection } from '@wayline/testkit';
import { PRODUCE, readKafkaRequest } from './kafka-request.ts';

/** Whether the answer to an append is lost, and how: the connection is cut, or nothing more comes over it. */
export type LostAnswer = 'cut' | 'silent' | undefined;

/** The network between the brokers and their clients, who are told apart by the client id of their requests. */
export interface KafkaNetwork {
  /** Cuts a client off from all brokers. */
  cutOff(clientId: string): void;
  /** It is asked for every answer to an append of that client. */
  loseAnswers(clientId: string, ask: () => LostAnswer): void;
  /** Takes back what was said of a client. */
  restore(clientId: string): void;
}

/** Stands at the proxies of a cluster that is `proxied`. */
export function watchKafkaNetwork({ proxies }: KafkaCluster): KafkaNetwork {
  const cut = new Set<string>();
  const losing = new Map<string, () => LostAnswer>();
  const clients = new WeakMap<ProxiedConnection, string>();
  /** Connections whose last request was an append. */
  const appending = new WeakSet<ProxiedConnection>();

  const onRequest = (chunk: Buffer, connection: ProxiedConnection): void => {
    let clientId = clients.get(connection);
    const request = readKafkaRequest(chunk);
    if (clientId === undefined && request) {
      clientId = request.clientId; // a connection begins with a request
      clients.set(connection, clientId);
    }
    if (clientId === undefined) return;
    if (cut.has(clientId)) connection.cut();
    if (request?.clientId !== clientId) return; // the rest of a request that did not fit into one chunk
    if (request.apiKey === PRODUCE) appending.add(connection);
    else appending.delete(connection);
  };
  const onAnswer = (_: Buffer, connection: ProxiedConnection): void => {
    const clientId = clients.get(connection) ?? '';
    if (cut.has(clientId)) connection.cut();
    if (!appending.delete(connection)) return;
    const how = losing.get(clientId)?.();
    if (how === 'cut') connection.cut();
    if (how === 'silent') connection.dropAnswers();
  };
  for (const proxy of proxies) proxy.watch({ onRequest, onAnswer });

  return {
    cutOff: (clientId) => void cut.add(clientId),
    loseAnswers: (clientId, ask) => void losing.set(clientId, ask),
    restore(clientId) {
      cut.delete(clientId);
      losing.delete(clientId);
    },
  };
}
