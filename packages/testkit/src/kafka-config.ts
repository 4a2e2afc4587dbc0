import { type KafkaSecurity, securityConfig, securityProtocol } from './kafka-security.ts';

/** Where one broker of a cluster is reached. */
export interface KafkaNode {
  /** 1, 2, … */
  id: number;
  /** Where it listens for clients. */
  clientHost: string;
  clientPort: number;
  /** Where clients are told that it is: the same port, or that of a proxy before it. */
  advertisedPort: number;
  /** What the brokers use among themselves. */
  peerHost: string;
  peerPort: number;
  controllerPort: number;
}

/**
 * Settings of a broker in KRaft combined mode, for tests: nothing is made by itself, groups form at once, and what is
 * replicated is so on all brokers (up to three), with all but one in sync needed for acks=all.
 */
export function kafkaConfig(
  node: KafkaNode,
  nodes: readonly KafkaNode[],
  listen: { host: string; folder: string; clientPort: number },
  { extra = {}, security = {} }: { extra?: Readonly<Record<string, string>>; security?: KafkaSecurity } = {},
): Record<string, string> {
  const replicas = Math.min(3, nodes.length);
  const inSync = Math.max(1, replicas - 1);
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    listeners: `CLIENT://${listen.host}:${listen.clientPort},PEER://${listen.host}:${node.peerPort},CONTROLLER://${listen.host}:${node.controllerPort}`,
    'advertised.listeners': `CLIENT://${node.clientHost}:${node.advertisedPort},PEER://${node.peerHost}:${node.peerPort}`,
    'listener.security.protocol.map': `CLIENT:${securityProtocol(security)},PEER:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'PEER',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': nodes.map((n) => `${n.id}@${n.peerHost}:${n.controllerPort}`).join(','),
    'log.dirs': listen.folder,
    'auto.create.topics.enable': 'false',
    'num.partitions': '12',
    'default.replication.factor': String(replicas),
    'min.insync.replicas': String(inSync),
    'offsets.topic.replication.factor': String(replicas),
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': String(replicas),
    'transaction.state.log.min.isr': String(inSync),
    'share.coordinator.state.topic.replication.factor': String(replicas),
    'share.coordinator.state.topic.min.isr': String(inSync),
    'group.initial.rebalance.delay.ms': '0',
    // How soon a dead broker's leaderships move; and a killed one is let in again only after that. A busy machine must
    // not look dead.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'replica.lag.time.max.ms': '6000',
    ...securityConfig(security),
    ...extra,
  };
}
