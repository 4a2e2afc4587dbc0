import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type KafkaNode, kafkaConfig } from './kafka-config.ts';
import { kafkaClassPath, kafkaFolder } from './kafka-jars.ts';
import { isProcessAlive } from './kafka-lock.ts';
import { type KafkaSecurity, scramArguments } from './kafka-security.ts';
import type { KafkaServer } from './kafka-server.ts';

const run = promisify(execFile);

export interface KafkaProcessOptions {
  node: KafkaNode;
  nodes: readonly KafkaNode[];
  clusterId: string;
  /** The cluster's folder: removed by the guard when the owner dies. */
  folder: string;
  ownerPid: number;
  heapMb: number;
  config: Readonly<Record<string, string>>;
  security: KafkaSecurity;
  /** Options of the broker's JVM beside its memory. */
  jvm: readonly string[];
  /** Those of the JVM that formats its folder. */
  formatJvm: readonly string[];
}

/** Options of a JVM that lives for too short a time to be worth compiling well for. */
export const QUICK_START: readonly string[] = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** A broker as a JVM process under `kafka/guard.mjs`, formatted and not yet started. */
export async function createKafkaProcess(options: KafkaProcessOptions): Promise<KafkaServer> {
  const { node, folder: clusterFolder, security } = options;
  const folder = join(clusterFolder, `broker-${node.id}`);
  const settings = join(folder, 'server.properties');
  const classPath = await kafkaClassPath();
  const listen = { host: '127.0.0.1', folder: join(folder, 'data'), clientPort: node.clientPort };
  const config = kafkaConfig(node, options.nodes, listen, { extra: options.config, security });
  await mkdir(folder, { recursive: true });
  await writeFile(
    settings,
    Object.entries(config)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const format = ['kafka.tools.StorageTool', 'format', '-t', options.clusterId, '-c', settings];
  await run('java', [...options.formatJvm, '-cp', classPath, ...format, ...scramArguments(security)]);

  let pid: number | undefined;

  const logTail = async () =>
    (await readFile(join(folder, 'broker.log'), 'utf8').catch(() => '')).split('\n').slice(-25).join('\n');

  const gone = async (patienceMs: number) => {
    for (const deadline = Date.now() + patienceMs; pid && isProcessAlive(pid); await sleep(20)) {
      if (Date.now() > deadline) throw new Error(`Broker ${node.id} (process ${pid}) does not end`);
    }
    pid = undefined;
  };
  const signal = (name: NodeJS.Signals) => {
    if (pid === undefined || !isProcessAlive(pid)) throw new Error(`Broker ${node.id} is not running`);
    process.kill(pid, name);
  };

  return {
    address: `${node.clientHost}:${node.advertisedPort}`,
    async start() {
      await rm(join(folder, 'broker.pid'), { force: true });
      const java = [
        'java',
        `-Xmx${options.heapMb}m`,
        ...options.jvm,
        `-Dlog4j2.configurationFile=${join(kafkaFolder(), 'log4j2.properties')}`,
        '-cp',
        classPath,
        'kafka.Kafka',
        settings,
      ];
      const guard = spawn(
        process.execPath,
        [join(kafkaFolder(), 'guard.mjs'), String(options.ownerPid), folder, ...java],
        { detached: true, stdio: 'ignore' },
      );
      guard.unref();
      for (let tries = 0; pid === undefined; tries++) {
        pid = Number(await readFile(join(folder, 'broker.pid'), 'utf8').catch(() => '')) || undefined;
        if (tries > 500) throw new Error(`Broker ${node.id} was not started by its guard`);
        await sleep(20);
      }
    },
    async failure() {
      return pid !== undefined && isProcessAlive(pid) ? undefined : `Broker ${node.id} ended:\n${await logTail()}`;
    },
    async kill() {
      signal('SIGKILL');
      await gone(10_000);
    },
    async stop() {
      signal('SIGTERM');
      await gone(60_000);
    },
    async pause() {
      signal('SIGSTOP');
    },
    async resume() {
      signal('SIGCONT');
    },
    async remove() {
      if (pid !== undefined && isProcessAlive(pid)) process.kill(pid, 'SIGKILL');
      await gone(10_000);
    },
  };
}
