import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kafkaClassPath, kafkaFolder } from './kafka-jars.ts';
import { QUICK_START } from './kafka-process.ts';

const run = promisify(execFile);

/**
 * Writes as a service in Java does, with Kafka's own client and its defaults: of each codec `count` records of one key,
 * with the values `CODEC-0-…`, `CODEC-1-…`, … and the header `codec`. Needs a JDK of version 17, and the jars.
 */
export async function produceWithJava(
  brokers: readonly string[],
  { topic, count, codecs }: { topic: string; count: number; codecs: readonly string[] },
): Promise<void> {
  const program = join(kafkaFolder(), 'JavaProducer.java');
  await run('java', [
    ...QUICK_START,
    '-cp',
    await kafkaClassPath(),
    program,
    brokers.join(','),
    topic,
    String(count),
    ...codecs,
  ]);
}
