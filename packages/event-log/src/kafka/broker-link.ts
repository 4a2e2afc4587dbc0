import type { Logger } from 'kafkajs';
import Broker, { type Protocol } from 'kafkajs/src/broker/index.js';
import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js';
import definitions from 'kafkajs/src/protocol/requests/index.js';
import { LogSetupError } from '../event-log.ts';
import { AUTHENTICATION_TIMEOUT_MS, CONNECTION_TIMEOUT_MS, type ConnectionSettings } from './options.ts';
import { headBytes, sendWhole } from './send-whole.ts';
import { createSocketSet, type SocketSet } from './socket-set.ts';
import { within } from './within.ts';

export type ApiName =
  | 'CreateTopics'
  | 'DescribeConfigs'
  | 'Fetch'
  | 'GroupCoordinator'
  | 'ListOffsets'
  | 'Metadata'
  | 'OffsetCommit'
  | 'LeaveGroup';

/** The first whose batches are of format 2. */
const FIRST_PRODUCE_VERSION = 3;

export interface BrokerLinkOptions {
  host: string;
  port: number;
  settings: ConnectionSettings;
  /** An answer that takes longer is given up, and the connection with it. */
  requestTimeoutMs: number;
  kafkajsLogger: Logger;
}

/**
 * Requests to one broker, each sent once: nothing is retried here. An answer is returned as it was decoded, with its
 * error codes; kafkajs' own parsing would throw at the first of them, and hide the rest of the answer.
 */
export class BrokerLink {
  readonly address: string;
  readonly #options: BrokerLinkOptions;
  #broker: Broker;
  #sockets: SocketSet;
  readonly #opening: (Promise<void> | undefined)[] = [];
  #produce: { broker: Broker; protocol: Protocol } | undefined;
  #closed = false;

  constructor(options: BrokerLinkOptions) {
    this.address = `${options.host}:${options.port}`;
    this.#options = options;
    this.#sockets = createSocketSet();
    this.#broker = this.#createBroker();
  }

  #createBroker(): Broker {
    const { host, port, settings, requestTimeoutMs, kafkajsLogger: logger } = this.#options;
    const { clientId, ssl, sasl } = settings;
    const connectionPool = new ConnectionPool({
      host,
      port,
      clientId,
      ssl,
      sasl,
      socketFactory: this.#sockets.factory,
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: requestTimeoutMs,
      logger,
    });
    return new Broker({ connectionPool, logger, authenticationTimeout: AUTHENTICATION_TIMEOUT_MS });
  }

  /** Rejects if there is no connection or no answer in time; whether the broker took the request is then not known. */
  async request<Answer>(api: ApiName, parameters: object): Promise<Answer> {
    const broker = this.#broker;
    await this.#open(broker, api === 'Fetch' ? 1 : 0); // where kafkajs' pool will send it
    return this.#send(broker, broker.lookupRequest(apiKeys[api] as number, definitions.requests[api])(parameters));
  }

  /**
   * The same for a produce request, whose body kafkajs does not write: its encoder costs more than all the rest.
   * @param encode makes the body, in parts, behind so many bytes that are left free. They must not change until there is an answer
   */
  async produce<Answer>(encode: (before: number) => readonly Uint8Array[]): Promise<Answer> {
    const broker = this.#broker;
    await this.#open(broker, 0);
    const connection = await broker.connectionPool.getConnection(0);
    const protocol = this.#produceOf(broker);
    const { apiKey, apiVersion, apiName } = protocol.request;
    if (apiVersion < FIRST_PRODUCE_VERSION) {
      throw new LogSetupError(`The Kafka broker at ${this.address} is too old: 0.11 or later is needed.`);
    }
    // Without SASL kafkajs calls no connection authenticated.
    if (this.#options.settings.sasl && !connection.isAuthenticated()) {
      // Its time is over: kafkajs renews it before it sends. `buf` shows it an encoder, `buffer` is what it copies.
      const buffer = Buffer.concat(encode(0));
      const request = { apiKey, apiVersion, apiName, encode: async () => ({ buf: buffer, buffer }) };
      return this.#send(broker, { ...protocol, request });
    }
    const parts = encode(headBytes(connection));
    return this.#dropIfLate(broker, async () => {
      const payload = await sendWhole(connection, { apiKey, apiVersion, apiName, parts });
      const answer = (await protocol.response.decode(payload)) as Answer & { clientSideThrottleTime?: number };
      connection.requestQueue.maybeThrottle(answer.clientSideThrottleTime);
      return answer;
    });
  }

  /** Looked up once for a broker: kafkajs would load its modules by name each time. */
  #produceOf(broker: Broker): Protocol {
    if (this.#produce?.broker === broker) return this.#produce.protocol;
    const protocol = broker.lookupRequest(apiKeys.Produce as number, definitions.requests.Produce)({ topicData: [] });
    this.#produce = { broker, protocol };
    return protocol;
  }

  async #send<Answer>(broker: Broker, { request, response, requestTimeout }: Protocol): Promise<Answer> {
    return this.#dropIfLate(broker, async () => {
      const answer = await broker.connectionPool.send({
        request,
        response: { decode: response.decode, parse: async (data) => data },
        requestTimeout,
        logResponseError: false,
      });
      return answer as Answer;
    });
  }

  async #dropIfLate<Answer>(broker: Broker, send: () => Promise<Answer>): Promise<Answer> {
    try {
      return await send();
    } catch (error) {
      if (error instanceof Error && error.name === 'KafkaJSRequestTimeoutError') this.#drop(broker);
      throw error;
    }
  }

  /** Connects the pool's connection `index`, once for all who ask meanwhile. */
  async #open(broker: Broker, index: number): Promise<void> {
    const { connectionPool } = broker;
    const opening = this.#opening[index];
    if (opening) return opening;
    if (connectionPool.pool[index]?.isConnected()) return;
    const connect = async () => {
      await broker.connect();
      await connectionPool.getConnection(index); // `connect` is content with either of the two
    };
    // kafkajs sets no limit to the time that authentication takes.
    const patience = CONNECTION_TIMEOUT_MS + AUTHENTICATION_TIMEOUT_MS;
    this.#opening[index] = within(connect(), patience, `no connection to ${this.address} within ${patience} ms`)
      .catch((error: unknown) => {
        this.#drop(broker);
        throw error;
      })
      .finally(() => {
        this.#opening[index] = undefined;
      });
    return this.#opening[index];
  }

  /** Ends the connections, whatever their state; the next request makes new ones. */
  #drop(broker: Broker): void {
    if (broker !== this.#broker || this.#closed) return;
    this.#sockets.close();
    this.#sockets = createSocketSet();
    this.#broker = this.#createBroker();
  }

  /** Whoever waits for an answer gets an error. */
  close(): void {
    this.#closed = true;
    this.#sockets.close();
  }
}
