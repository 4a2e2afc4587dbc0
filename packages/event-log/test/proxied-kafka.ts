import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type KafkaCluster, startKafka, type TcpProxy } from '@wayline/testkit';

export interface ProxiedKafka {
  /** Called after each test, the last first, when the proxy does nothing any more. */
  closers: (() => Promise<unknown>)[];
  brokers(): string[];
  /** Before the one broker. */
  proxy(): TcpProxy;
}

/** A broker behind a proxy, for all tests of a `describe`. To be called where hooks may be registered. */
export function proxiedKafka(): ProxiedKafka {
  let kafka: KafkaCluster | undefined;
  const closers: ProxiedKafka['closers'] = [];
  beforeAll(async () => {
    kafka = await startKafka({ proxied: true });
  }, 120_000);
  afterEach(async () => {
    kafka?.proxies[0]?.watch({});
    for (const close of closers.splice(0).reverse()) await close();
  }, 60_000);
  afterAll(() => kafka?.close());
  const proxy = (): TcpProxy => {
    const [only] = kafka?.proxies ?? [];
    if (!only) throw new Error('The broker is there from the first test on');
    return only;
  };
  return { closers, proxy, brokers: () => [...(kafka?.brokers ?? [])] };
}
