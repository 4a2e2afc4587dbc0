import { Kafka, logLevel, type Message, Partitioners } from 'kafkajs';

/** Writes as a service in JavaScript does, with kafkajs and its defaults. */
export interface KafkajsProducer {
  /** Resolves when Kafka has taken them. */
  send(topic: string, messages: Message[]): Promise<void>;
  close(): Promise<void>;
}

export type KafkaMessage = Message;

export async function openKafkajsProducer(brokers: readonly string[]): Promise<KafkajsProducer> {
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return {
    send: async (topic, messages) => void (await producer.send({ topic, messages })),
    close: () => producer.disconnect(),
  };
}
