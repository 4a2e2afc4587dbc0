import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { promisify } from 'node:util';
import { kafkaJarsPresent } from './kafka-jars.ts';

const run = promisify(execFile);

/** How a real Kafka can be had here; `reason` is a sentence. */
export type KafkaAvailability =
  | { via: 'address'; brokers: string[] }
  | { via: 'container' }
  | { via: 'process' }
  | { via: 'nothing'; reason: string };

/** True if a Docker engine answers within a second at DOCKER_HOST, or at its usual socket. */
export async function dockerAnswers(): Promise<boolean> {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const url = URL.canParse(host) ? new URL(host) : undefined;
  if (!url) return false;
  const where =
    url.protocol === 'unix:'
      ? { socketPath: url.pathname }
      : { host: url.hostname, port: url.port || (url.protocol === 'https:' ? 2376 : 2375) };
  return new Promise((resolve) => {
    const probe = request({ ...where, path: '/_ping', timeout: 1000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => resolve(false));
    probe.on('close', () => resolve(false));
    probe.end();
  });
}

async function javaVersion(): Promise<number> {
  try {
    const { stderr } = await run('java', ['-version']);
    const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(stderr) ?? [];
    return Number(first === '1' ? second : first);
  } catch {
    return 0;
  }
}

export interface KafkaDemand {
  /** Leaves the address out: the test kills its brokers, or sets them up in its own way. */
  own?: boolean;
  /** Leaves the container out, too: for brokers with `security`, and for tests that need Java besides. */
  asProcess?: boolean;
}

/**
 * Looks for Kafka in this order: the address in WAYLINE_TEST_KAFKA (host:port, several by comma), a Docker engine, Java
 * with Maven or with the jars there already.
 */
export async function kafkaAvailability({
  own = false,
  asProcess = false,
}: KafkaDemand = {}): Promise<KafkaAvailability> {
  const address = process.env.WAYLINE_TEST_KAFKA;
  if (address && !own && !asProcess)
    return { via: 'address', brokers: address.split(',').map((broker) => broker.trim()) };
  if (!asProcess && (await dockerAnswers())) return { via: 'container' };
  const version = await javaVersion();
  if (version >= 17) {
    if (await kafkaJarsPresent()) return { via: 'process' };
    const maven = await run('mvn', ['-v']).then(
      () => true,
      () => false,
    );
    if (maven) return { via: 'process' };
  }
  const java = version === 0 ? 'no Java' : version < 17 ? `only Java ${version}, 17 is needed` : 'Java but no Maven';
  if (asProcess) return { via: 'nothing', reason: `this suite needs a broker as a process, and there is ${java}` };
  const from = own ? 'this suite kills brokers, so it needs its own' : 'WAYLINE_TEST_KAFKA is not set';
  return { via: 'nothing', reason: `${from}, no Docker engine answers, and there is ${java}` };
}
