import { type KafkaAvailability, type KafkaDemand, kafkaAvailability } from './kafka-availability.ts';

type Describe = ((name: string, body: () => void) => void) & { skip(name: string, body: () => void): void };

/**
 * `describe` for suites on a real Kafka: `await describeWithKafka('…', () => { … })` at the top of a test file. Where no
 * Kafka can be had the suite is skipped, with a line that says why; with CI=true it fails instead.
 */
export async function describeWithKafka(name: string, body: () => void, demand: KafkaDemand = {}): Promise<void> {
  const found: KafkaAvailability = await kafkaAvailability(demand);
  // Jest gives `describe` to the modules of a test file only; importing it would tie testkit to Jest.
  const describe = (globalThis as unknown as { describe: Describe }).describe;
  if (found.via !== 'nothing') {
    describe(name, body);
  } else if (process.env.CI === 'true') {
    throw new Error(`Kafka suite "${name}" cannot run, and CI=true: ${found.reason}`);
  } else {
    process.stderr.write(`SKIPPED: Kafka suite "${name}": ${found.reason}\n`);
    describe.skip(name, body);
  }
}
