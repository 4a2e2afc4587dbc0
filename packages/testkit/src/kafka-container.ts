import { GenericContainer, getContainerRuntimeClient, Network, type StartedNetwork } from 'testcontainers';
import { type KafkaNode, kafkaConfig } from './kafka-config.ts';
import type { KafkaServer } from './kafka-server.ts';

const IMAGE = 'apache/kafka:4.1.1';
const CLIENT_PORT = 9092;

export interface KafkaContainerOptions {
  node: KafkaNode;
  nodes: readonly KafkaNode[];
  clusterId: string;
  network: StartedNetwork;
  heapMb: number;
  config: Readonly<Record<string, string>>;
}

export const createKafkaNetwork = (): Promise<StartedNetwork> => new Network().start();

/** A broker as a container, not yet started. Its port on the host is fixed, so that it is the same after a restart. */
export async function createKafkaContainer(options: KafkaContainerOptions): Promise<KafkaServer> {
  const { node } = options;
  const config = kafkaConfig(
    node,
    options.nodes,
    { host: '0.0.0.0', folder: '/tmp/kafka', clientPort: CLIENT_PORT },
    { extra: options.config },
  );
  const environment: Record<string, string> = {
    CLUSTER_ID: options.clusterId,
    KAFKA_HEAP_OPTS: `-Xmx${options.heapMb}m`,
  };
  for (const [name, value] of Object.entries(config)) {
    environment[`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`] = value;
  }
  const description = new GenericContainer(IMAGE)
    .withEnvironment(environment)
    .withNetwork(options.network)
    .withNetworkAliases(node.peerHost)
    .withExposedPorts({ container: CLIENT_PORT, host: node.clientPort });

  const { dockerode } = (await getContainerRuntimeClient()).container;
  let id: string | undefined;
  const engine = () => {
    if (id === undefined) throw new Error(`Broker ${node.id} was never started`);
    return dockerode.getContainer(id);
  };

  return {
    address: `${node.clientHost}:${node.advertisedPort}`,
    async start() {
      if (id === undefined) id = (await description.start()).getId();
      else await engine().start();
    },
    async failure() {
      const { State } = await engine().inspect();
      return State.Running ? undefined : `Broker ${node.id} ended with code ${State.ExitCode}: ${State.Error}`;
    },
    async kill() {
      await engine().kill();
    },
    async stop() {
      await engine().stop({ t: 60 });
    },
    async pause() {
      await engine().pause();
    },
    async resume() {
      await engine().unpause();
    },
    async remove() {
      if (id !== undefined) await engine().remove({ force: true, v: true });
      id = undefined;
    },
  };
}
