import { Kafka, type Logger } from 'kafkajs';
import { LogSetupError } from '../event-log.ts';
import { BrokerLink } from './broker-link.ts';
import { connectionFault } from './connection-fault.ts';
import { createKafkajsLog } from './kafkajs-log.ts';
import type { ConnectionSettings } from './options.ts';

/**
 * What a link is for. A broker answers a connection's requests one by one: asking must not wait for appending, nor for a
 * fetch that waits for records to come.
 */
const LINK_ROLES = ['append', 'ask', 'follow'] as const;
export type LinkRole = (typeof LINK_ROLES)[number];

interface MetadataAnswer {
  brokers: { nodeId: number; host: string; port: number }[];
  clusterId: string | null;
  controllerId: number;
  topicMetadata: {
    topicErrorCode: number;
    topic: string;
    partitionMetadata: { partitionId: number; leader: number; replicas: number[] }[];
  }[];
}

export interface BrokerDirectoryOptions {
  settings: ConnectionSettings;
  topics: readonly string[];
  /** How long a broker may take to answer an append, ms. */
  appendTimeoutMs: number;
}

const ASK_TIMEOUT_MS = 4000;

/** The brokers of a cluster, and which of them leads which partition, as last heard. */
export class BrokerDirectory {
  readonly #options: BrokerDirectoryOptions;
  readonly #kafkajsLogger: Logger;
  readonly #seeds: BrokerLink[];
  readonly #links = new Map<number, Record<LinkRole, BrokerLink>>();
  /** Those that failed last time are asked last. */
  readonly #suspects = new Set<BrokerLink>();
  /** By topic: the leader's node id of each partition, -1 where there is none. */
  readonly #leaders = new Map<string, readonly number[]>();
  readonly #replicas = new Map<string, number>();
  #clusterId: string | undefined;
  #controllerId = -1;
  #refreshing: Promise<void> | undefined;

  constructor(options: BrokerDirectoryOptions) {
    const { brokers, clientId, logger } = options.settings;
    this.#options = options;
    const { level, creator } = createKafkajsLog(logger);
    // Only for its logger: kafkajs' classes want one of its own.
    this.#kafkajsLogger = new Kafka({ brokers: [...brokers], clientId, logLevel: level, logCreator: creator }).logger();
    this.#seeds = brokers.map((broker) => this.#link(...hostAndPort(broker), 'ask'));
  }

  #link(host: string, port: number, role: LinkRole): BrokerLink {
    const { settings, appendTimeoutMs } = this.#options;
    const requestTimeoutMs = role === 'append' ? appendTimeoutMs : ASK_TIMEOUT_MS;
    return new BrokerLink({ host, port, settings, requestTimeoutMs, kafkajsLogger: this.#kafkajsLogger });
  }

  /** Known after the first `refresh`. */
  get clusterId(): string {
    if (this.#clusterId === undefined) throw new Error('the cluster has not answered yet');
    return this.#clusterId;
  }

  /** Number of the topic's partitions; undefined if the topic does not exist. */
  partitions(topic: string): number | undefined {
    return this.#leaders.get(topic)?.length;
  }

  /** Node ids. */
  brokers(): number[] {
    return [...this.#links.keys()];
  }

  /** Of each partition of the topic, at least; 0 if it does not exist. */
  replicas(topic: string): number {
    return this.#replicas.get(topic) ?? 0;
  }

  /** Node id of the leader, or undefined while there is none. */
  leader(topic: string, partition: number): number | undefined {
    const leader = this.#leaders.get(topic)?.[partition];
    return leader !== undefined && this.#links.has(leader) ? leader : undefined;
  }

  to(nodeId: number, role: LinkRole): BrokerLink {
    const links = this.#links.get(nodeId);
    if (!links) throw new Error(`broker ${nodeId} is not known`);
    return links[role];
  }

  /** Any broker may be asked to change the cluster where there is no separate controller among them (KRaft). */
  controller(): BrokerLink {
    const links = this.#links.get(this.#controllerId) ?? [...this.#links.values()][0];
    if (!links) throw new Error('no broker is known');
    return links.ask;
  }

  /** Asks one broker after another for the state of the cluster; whoever asks meanwhile shares the answer. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const known = [...this.#links.values()].map(({ ask }) => ask);
    const all = [...known, ...this.#seeds];
    const inOrder = [
      ...all.filter((link) => !this.#suspects.has(link)),
      ...all.filter((link) => this.#suspects.has(link)),
    ];
    const faults = new Map<string, unknown>();
    for (const link of inOrder) {
      let answer: MetadataAnswer;
      try {
        const topics = this.#options.topics;
        answer = await link.request<MetadataAnswer>('Metadata', { topics, allowAutoTopicCreation: false });
      } catch (error) {
        this.#suspects.add(link);
        faults.set(link.address, error);
        continue;
      }
      this.#suspects.delete(link);
      this.#take(answer, link.address);
      return;
    }
    throw connectionFault(faults, this.#options.settings);
  }

  #take(answer: MetadataAnswer, address: string): void {
    const id = answer.clusterId ?? 'unnamed';
    this.#clusterId ??= id;
    if (id !== this.#clusterId) {
      // Positions are stored under the cluster's id: going on would apply them to another log.
      this.#leaders.clear();
      throw new LogSetupError(`At ${address} there is now another Kafka cluster (${id}, was ${this.#clusterId}).`);
    }
    this.#controllerId = answer.controllerId;
    for (const [nodeId, links] of this.#links) {
      if (answer.brokers.some((broker) => broker.nodeId === nodeId && at(broker) === links.ask.address)) continue;
      this.#links.delete(nodeId);
      for (const link of Object.values(links)) {
        link.close();
        this.#suspects.delete(link);
      }
    }
    for (const { nodeId, host, port } of answer.brokers) {
      if (this.#links.has(nodeId)) continue;
      const links = Object.fromEntries(LINK_ROLES.map((role) => [role, this.#link(host, port, role)]));
      this.#links.set(nodeId, links as Record<LinkRole, BrokerLink>);
    }
    for (const { topic, topicErrorCode, partitionMetadata } of answer.topicMetadata) {
      if (topicErrorCode !== 0) {
        this.#leaders.delete(topic);
        continue;
      }
      const leaders = new Array<number>(partitionMetadata.length).fill(-1);
      for (const { partitionId, leader } of partitionMetadata) leaders[partitionId] = leader;
      this.#leaders.set(topic, leaders);
      this.#replicas.set(topic, Math.min(...partitionMetadata.map(({ replicas }) => replicas.length)));
    }
  }

  close(): void {
    const all = [...this.#links.values()].flatMap((links) => Object.values(links));
    for (const link of [...all, ...this.#seeds]) link.close();
  }
}

const at = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

/** Of `host:port`; an IPv6 address is put in brackets, as in a URL. */
function hostAndPort(broker: string): [string, number] {
  const colon = broker.lastIndexOf(':');
  const host = broker.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(broker.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new LogSetupError(`"${broker}" is not the address of a Kafka broker: host:port is expected.`);
  }
  return [host, port];
}
