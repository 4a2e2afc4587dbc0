import type { ApiDescription } from '@wayline/contracts/api';

/** A request that an example of the description makes, and what it is to be answered with. */
export interface ExampleRequest {
  operationId: string;
  method: string;
  /** Path and query. */
  path: string;
  /** The scope that a token needs for it; undefined where it is open. */
  scope: string | undefined;
  contentType?: string;
  body?: string;
  status: number;
}

interface Parameter {
  name: string;
  in: string;
  example?: unknown;
}

interface Operation {
  operationId: string;
  parameters?: Parameter[];
  security: Record<string, string[]>[];
  requestBody?: { content: Record<string, { examples: Record<string, { value: unknown }> }> };
  responses: Record<string, object>;
}

/** A request for each example of a body, and one for each operation without a body. */
export function exampleRequests({ paths }: ApiDescription): ExampleRequest[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, given]) => {
      const operation = given as object as Operation;
      const { operationId, security, requestBody, responses, parameters = [] } = operation;
      const token = security.find((one) => one.token);
      const shared = {
        operationId,
        method: method.toUpperCase(),
        path: addressOf(path, parameters),
        scope: token?.token?.[0],
        status: Math.min(...Object.keys(responses).map(Number)),
      };
      const bodies = Object.entries(requestBody?.content ?? {}).flatMap(([contentType, { examples }]) =>
        Object.values(examples).map(({ value }) => ({
          ...shared,
          contentType,
          body: typeof value === 'string' ? value : JSON.stringify(value),
        })),
      );
      return bodies.length > 0 ? bodies : [shared];
    }),
  );
}

function addressOf(path: string, parameters: readonly Parameter[]): string {
  const shown = parameters.filter(({ example }) => example !== undefined);
  const filled = shown
    .filter((parameter) => parameter.in === 'path')
    .reduce((text, { name, example }) => text.replace(`{${name}}`, encodeURIComponent(String(example))), path);
  const query = new URLSearchParams();
  for (const { name, example, in: place } of shown) if (place === 'query') query.set(name, String(example));
  return query.size > 0 ? `${filled}?${query}` : filled;
}
