import type { AddressInfo } from 'node:net';
import { eventSchema, LIMITS, type WaylineEvent } from '@wayline/contracts';
import { Ajv2020 } from 'ajv/dist/2020.js';
import express from 'express';
import { Kafka, logLevel, type Producer } from 'kafkajs';

/**
 * The design that anybody would begin with: express, its body parser, ajv with the same schema, and one send a request,
 * acknowledged by all in-sync replicas before the answer.
 */
export async function startObviousServer({
  brokers,
  topic,
}: {
  brokers: readonly string[];
  topic: string;
}): Promise<{ port: number }> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'obvious', logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const app = createObviousApp(producer, topic);
  return new Promise((resolve, reject) => {
    const server = app.listen(0, '127.0.0.1', (error) => {
      if (error) reject(error);
      else resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}

const FORMATS = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i,
};

function createObviousApp(producer: Producer, topic: string): express.Express {
  const ajv = new Ajv2020({ formats: FORMATS, allowUnionTypes: true });
  const isEvent = ajv.compile<WaylineEvent>(eventSchema);
  const app = express();
  app.use(express.json({ limit: LIMITS.bodyBytes }));
  app.post('/v1/events', async (request, response) => {
    const events: unknown[] = Array.isArray(request.body) ? request.body : [request.body];
    if (!events.every((event) => isEvent(event))) {
      response.status(422).json({ error: 'not an event' });
      return;
    }
    const messages = events.map((event) => ({ key: event.sessionId, value: JSON.stringify(event) }));
    await producer.send({ topic, messages, acks: -1 });
    response.status(202).json({ accepted: events.length, rejected: [] });
  });
  return app;
}
