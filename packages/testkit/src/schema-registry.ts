import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RegisteredSchemas, RegistryFault } from './registered-schemas.ts';

export interface SchemaRegistryOptions {
  /** Whoever gives no other is let in. */
  access?: { username: string; password: string };
}

/** A stand-in for a Confluent schema registry: what it holds outlives its being away. */
export interface TestSchemaRegistry {
  readonly url: string;
  /** `GET /schemas/ids/7` and the like, as they came. */
  readonly requests: readonly string[];
  readonly schemas: RegisteredSchemas;
  /** Refuses connections, until `comeBack`. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Speaks as much of the registry's protocol as its clients use: subjects and versions, ids, the configuration, and whether a
 * schema is compatible, for JSON Schema; Avro and Protobuf are kept as text and never compared.
 */
export async function startSchemaRegistry({ access }: SchemaRegistryOptions = {}): Promise<TestSchemaRegistry> {
  const requests: string[] = [];
  const schemas = new RegisteredSchemas();
  let server: Server | undefined;
  let port = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    requests.push(`${method} ${url}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/vnd.schemaregistry.v1+json' });
      response.end(JSON.stringify(body));
    };
    const expected = access && `Basic ${Buffer.from(`${access.username}:${access.password}`).toString('base64')}`;
    if (expected && request.headers.authorization !== expected) {
      return send(401, { error_code: 401, message: 'Unauthorized' });
    }
    try {
      const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as object) : {};
      send(200, schemas.answer(method, new URL(url, 'http://registry'), body));
    } catch (error) {
      if (!(error instanceof RegistryFault)) return send(500, { error_code: 50001, message: String(error) });
      send(error.status, { error_code: error.code, message: error.message });
    }
  }

  async function comeBack(): Promise<void> {
    server = createServer((request, response) => void answer(request, response));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }

  async function goAway(): Promise<void> {
    const ended = server;
    server = undefined;
    if (!ended) return;
    ended.closeAllConnections();
    await new Promise((resolve) => ended.close(resolve));
  }

  await comeBack();
  return { url: `http://127.0.0.1:${port}`, requests, schemas, goAway, comeBack, close: goAway };
}
