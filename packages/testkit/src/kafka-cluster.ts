import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { freePorts } from './free-ports.ts';
import { kafkaAvailability } from './kafka-availability.ts';
import { sharedClasses } from './kafka-class-archive.ts';
import type { KafkaNode } from './kafka-config.ts';
import { isProcessAlive } from './kafka-lock.ts';
import { createKafkaProcess, type KafkaProcessOptions, QUICK_START } from './kafka-process.ts';
import { clientSecurity, type KafkaSecurity } from './kafka-security.ts';
import type { KafkaServer } from './kafka-server.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export interface KafkaClusterOptions {
  /** One broker (default), or three with replication 3 and min.insync.replicas 2. */
  brokers?: 1 | 3;
  /** Memory of each broker, MB. Default 384. */
  heapMb?: number;
  /** Broker settings beside those of `kafkaConfig`. */
  config?: Readonly<Record<string, string>>;
  /** Whether clients reach each broker through a proxy: see `KafkaCluster.proxies`. */
  proxied?: boolean;
  /** How the brokers are guarded against clients; with it they are processes, never containers. */
  security?: KafkaSecurity;
  /** The process with which the brokers go, however it goes. Default: this one. */
  ownerPid?: number;
  /** Code compiled as well as it can be, as benchmarks need it. By default a broker is made to start on little CPU. */
  fullSpeed?: boolean;
}

export interface KafkaCluster {
  /** host:port of every broker; they stay the same over restarts. */
  readonly brokers: readonly string[];
  /** Of each broker, if the cluster is `proxied`. */
  readonly proxies: readonly TcpProxy[];
  /** SIGKILL to broker i, from 0. */
  kill(i: number): Promise<void>;
  /** SIGTERM: it hands over its leaderships first. */
  stop(i: number): Promise<void>;
  /** Starts brokers again after `kill` or `stop`, all of them at once, on their ports and data; resolves when the whole cluster answers. */
  restart(...indexes: number[]): Promise<void>;
  /** Broker i stands still with its connections open (SIGSTOP), until `resume`. */
  pause(i: number): Promise<void>;
  resume(i: number): Promise<void>;
  /** Ends the brokers and removes their data. */
  close(): Promise<void>;
}

const FOLDER_PREFIX = 'wayline-kafka-';

/** Ends the brokers and removes the folders of owners that are gone, should their guards have gone with them. */
async function sweepStaleFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const folder = join(tmpdir(), name);
    const owner = /^wayline-kafka-(\d+)-/.exec(name)?.[1];
    if (owner === undefined || isProcessAlive(Number(owner))) continue;
    for (const broker of await readdir(folder).catch(() => [])) {
      const pid = Number(await readFile(join(folder, broker, 'broker.pid'), 'utf8').catch(() => ''));
      const command = pid ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
      if (command.includes(folder) && isProcessAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => {}); // its guard may be at it, too
  }
}

/** Resolves when every broker answers and knows of all the others. */
async function ready(
  servers: readonly KafkaServer[],
  security: KafkaSecurity = {},
  patienceMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (const server of servers) {
    for (;;) {
      const failure = await server.failure();
      if (failure) throw new Error(failure);
      const retry = { retries: 0 };
      const client = new Kafka({
        brokers: [server.address],
        logLevel: logLevel.NOTHING,
        connectionTimeout: 1000,
        retry,
        ...clientSecurity(security),
      });
      const admin = client.admin();
      try {
        await admin.connect();
        const { brokers, controller } = await admin.describeCluster();
        if (brokers.length === servers.length && controller !== null) break;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`Kafka at ${server.address} does not answer`, { cause: error });
      } finally {
        await admin.disconnect();
      }
      await sleep(50);
    }
  }
}

/** 16 random bytes in URL-safe base64; a leading '-' would be read as an option by the storage tool. */
const newClusterId = (): string => `W${randomBytes(16).toString('base64url').slice(1)}`;

interface Servers {
  servers: KafkaServer[];
  proxies: TcpProxy[];
  remove(): Promise<void>;
}

/** A broker started and stopped, so that its JVM does at its end what it is told by options. */
async function runOnce(jvm: readonly string[]): Promise<void> {
  const cluster = await start({}, async () => ({ jvm: [...QUICK_START, ...jvm], formatJvm: QUICK_START }));
  try {
    await cluster.stop(0);
  } finally {
    await cluster.close();
  }
}

type JvmOptions = Pick<KafkaProcessOptions, 'jvm' | 'formatJvm'>;

async function jvmOptions({ fullSpeed }: KafkaClusterOptions): Promise<JvmOptions> {
  if (fullSpeed) return { jvm: ['-XX:+UseSerialGC'], formatJvm: QUICK_START };
  const quick = [...QUICK_START, ...(await sharedClasses(runOnce))];
  return { jvm: quick, formatJvm: quick };
}

async function createServers(options: KafkaClusterOptions, jvms: typeof jvmOptions): Promise<Servers> {
  const { brokers: count = 1, heapMb = 384, config = {}, security = {}, ownerPid = process.pid } = options;
  const found = await kafkaAvailability({ own: true, asProcess: options.security !== undefined });
  if (found.via === 'nothing') throw new Error(`No Kafka can be started: ${found.reason}`);
  const clusterId = newClusterId();
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const ports = await freePorts(3 * count);
  const clientPorts = ids.map((_, i) => ports[3 * i] as number);
  const proxies = options.proxied ? await Promise.all(clientPorts.map((port) => startTcpProxy({ port }))) : [];
  const closeProxies = () => Promise.all(proxies.map((proxy) => proxy.close()));
  if (found.via === 'container') {
    const { createKafkaContainer, createKafkaNetwork } = await import('./kafka-container.ts'); // slow to load
    const nodes = ids.map(
      (id, i): KafkaNode => ({
        id,
        clientHost: '127.0.0.1',
        clientPort: clientPorts[i] as number,
        advertisedPort: proxies[i]?.port ?? (clientPorts[i] as number),
        peerHost: `kafka-${id}`,
        peerPort: 19092,
        controllerPort: 9093,
      }),
    );
    const network = await createKafkaNetwork();
    const create = (node: KafkaNode) => createKafkaContainer({ node, nodes, clusterId, network, heapMb, config });
    const remove = async () => {
      await closeProxies();
      await network.stop();
    };
    return { servers: await Promise.all(nodes.map(create)), proxies, remove };
  }
  await sweepStaleFolders();
  const folder = await mkdtemp(join(tmpdir(), `${FOLDER_PREFIX}${ownerPid}-`));
  const host = '127.0.0.1';
  const nodes = ids.map((id, i): KafkaNode => {
    const [clientPort, peerPort, controllerPort] = ports.slice(3 * i, 3 * i + 3) as [number, number, number];
    const advertisedPort = proxies[i]?.port ?? clientPort;
    return { id, clientHost: host, clientPort, advertisedPort, peerHost: host, peerPort, controllerPort };
  });
  const shared = { nodes, clusterId, folder, ownerPid, heapMb, config, security, ...(await jvms(options)) };
  const remove = async () => {
    await closeProxies();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return { servers: await Promise.all(nodes.map((node) => createKafkaProcess({ node, ...shared }))), proxies, remove };
}

/** Starts a real Kafka of its own, in about 3 s; it goes with the owner, and its data with it. */
export const startKafka = (options: KafkaClusterOptions = {}): Promise<KafkaCluster> => start(options, jvmOptions);

async function start(options: KafkaClusterOptions, jvms: typeof jvmOptions): Promise<KafkaCluster> {
  for (let attempt = 1; ; attempt++) {
    const { servers, proxies, remove } = await createServers(options, jvms);
    const close = async () => {
      await Promise.all(servers.map((server) => server.remove()));
      await remove();
    };
    const at = (i: number): KafkaServer => {
      const server = servers[i];
      if (!server) throw new RangeError(`There is no broker ${i}`);
      return server;
    };
    try {
      await Promise.all(servers.map((server) => server.start()));
      await ready(servers, options.security);
    } catch (error) {
      await close();
      // Another process may have taken a port between the look and the use.
      if (attempt < 3 && /BindException|Address already in use|port is already allocated/i.test(String(error)))
        continue;
      throw error;
    }
    return {
      brokers: servers.map((server) => server.address),
      proxies,
      kill: (i) => at(i).kill(),
      stop: (i) => at(i).stop(),
      async restart(...indexes) {
        await Promise.all(indexes.map((i) => at(i).start()));
        await ready(servers, options.security);
      },
      pause: (i) => at(i).pause(),
      resume: (i) => at(i).resume(),
      close,
    };
  }
}
