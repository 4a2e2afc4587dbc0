import type { Closers } from '@wayline/testkit';
import { type Access, openAccess } from '../servers/access.ts';
import { emptyTopic, startOwnKafka } from '../servers/own-kafka.ts';
import type { Target } from '../servers/server-under-test.ts';
import { type LoadedKafka, waylineEmbedded, waylineOnKafka } from '../servers/targets.ts';
import type { BenchOptions, LogKind } from './bench-options.ts';

/** What the benchmarked processes run on. */
export interface Surroundings {
  access: Access;
  /** Undefined where no case needs a Kafka. */
  kafka: LoadedKafka | undefined;
}

export async function openSurroundings(closers: Closers, options: BenchOptions): Promise<Surroundings> {
  options.tell('starting what is needed');
  const access = await openAccess(closers);
  if (!options.logs.includes('kafka')) return { access, kafka: undefined };
  const { brokers: given } = options;
  if (given) return { access, kafka: { brokers: given, empty: async () => {} } };
  const brokers = await startOwnKafka(closers, options);
  return { access, kafka: { brokers, empty: (topic) => emptyTopic({ address: { topic, brokers } }) } };
}

export function waylineTarget(log: LogKind, { access, kafka }: Surroundings): Target {
  if (log === 'embedded') return waylineEmbedded(access);
  if (!kafka) throw new Error('No Kafka was opened');
  return waylineOnKafka(access, kafka);
}
