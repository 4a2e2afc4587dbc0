import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { kafkaClassPath } from './kafka-jars.ts';
import { QUICK_START } from './kafka-process.ts';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Runs one of Kafka's own command-line tools, by the name of its class, and answers with its standard output. */
export async function runKafkaTool(className: string, args: readonly string[]): Promise<string> {
  const java = [...QUICK_START, '-cp', await kafkaClassPath(), className, ...args];
  const { stdout } = await run('java', java, { maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}
