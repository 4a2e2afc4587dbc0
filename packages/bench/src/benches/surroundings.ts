import { type Closers, startKafka } from '@wayline/testkit';
import { type Access, openAccess } from '../servers/access.ts';
import type { Target } from '../servers/server-under-test.ts';
import { waylineEmbedded, waylineOnKafka } from '../servers/targets.ts';
import type { BenchOptions, LogKind } from './bench-options.ts';

/** What the benchmarked processes run on. */
export interface Surroundings {
  access: Access;
  /** Undefined where no case needs a Kafka. */
  brokers: readonly string[] | undefined;
}

const BROKER_HEAP_MB = 1024;

export async function openSurroundings(closers: Closers, options: BenchOptions): Promise<Surroundings> {
  options.tell('starting what is needed');
  const access = await openAccess(closers);
  if (!options.logs.includes('kafka')) return { access, brokers: undefined };
  if (options.brokers) return { access, brokers: options.brokers };
  const kafka = await startKafka({ heapMb: BROKER_HEAP_MB, fullSpeed: !options.quick });
  closers.add(() => kafka.close());
  return { access, brokers: kafka.brokers };
}

export function waylineTarget(log: LogKind, { access, brokers }: Surroundings): Target {
  if (log === 'embedded') return waylineEmbedded(access);
  if (!brokers) throw new Error('No Kafka was opened');
  return waylineOnKafka(access, brokers);
}
