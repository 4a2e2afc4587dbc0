import { AREAS } from './areas.ts';
import { completenessSchemas } from './complete.ts';
import type { Area, Operation, Parameter, Role, Schema, Success } from './operation.ts';
import { PARAMETERS, PATH_PARAMETERS } from './parameters.ts';
import { problemAnswers, problemExamples, problemSchemas } from './problem-answers.ts';
import { sampleAt } from './samples.ts';

export interface DescribeOptions {
  /** Of the process that is described. */
  roles: readonly Role[];
  /** Of the program. */
  version: string;
  /** The times in examples lie around it, epoch ms. */
  nowMs: number;
}

/** An OpenAPI 3.1 document, as far as programs look into it. */
export interface ApiDescription {
  openapi: string;
  info: object;
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, Schema> } & Record<string, object>;
  [other: string]: unknown;
}

export interface DescribedOperation {
  operationId: string;
  parameters?: object[];
  requestBody?: object;
  responses: Record<string, object>;
  [other: string]: unknown;
}

/** The areas that processes of these roles serve. */
export function areasOf(roles: readonly Role[]): readonly Area[] {
  return AREAS.filter((area) => area.roles.some((role) => roles.includes(role)));
}

/** Describes the HTTP API of a process, as OpenAPI 3.1. */
export function describeApi({ roles, version, nowMs }: DescribeOptions): ApiDescription {
  const areas = areasOf(roles);
  const paths: ApiDescription['paths'] = {};
  for (const area of areas) {
    for (const operation of area.operations) {
      paths[operation.path] ??= {};
      (paths[operation.path] as object as Record<string, DescribedOperation>)[operation.method] = described(
        operation,
        area.name,
      );
    }
  }
  return sampleAt(
    {
      openapi: '3.1.1',
      info: {
        title: 'Wayline',
        version,
        summary: 'Event tracking that keeps every event it acknowledged.',
        description: INTRODUCTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: areas.map(({ name, description }) => ({ name, description })),
      paths,
      components: {
        schemas: schemasOf(areas, paths),
        parameters: Object.fromEntries(
          Object.entries(PARAMETERS).map(([name, parameter]) => [name, { name, in: 'query', ...parameter }]),
        ),
        examples: problemExamples(),
        headers: HEADERS,
        securitySchemes: SECURITY,
      },
    },
    nowMs,
  );
}

/** Those of the areas, and whatever they and the paths point at. */
function schemasOf(areas: readonly Area[], paths: object): Record<string, Schema> {
  const all: Record<string, Schema> = Object.assign({}, ...AREAS.map(({ schemas = {} }) => schemas), SHARED);
  const needed = new Set(areas.flatMap(({ schemas = {} }) => Object.keys(schemas)));
  const pending: object[] = [paths, ...[...needed].map((name) => all[name] as Schema)];
  for (let part = pending.pop(); part; part = pending.pop()) {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (needed.has(name)) continue;
      needed.add(name);
      pending.push(all[name] ?? {});
    }
  }
  return Object.fromEntries(Object.entries(all).filter(([name]) => needed.has(name)));
}

const SHARED = { ...completenessSchemas, ...problemSchemas };

const INTRODUCTION = `Keys and tokens go into \`Authorization: Bearer …\`; each belongs to one project, and sees no other. Errors are problem documents (RFC 9457): programs rely on \`code\` and \`retryable\`.

Times are RFC 3339, UTC, with milliseconds. Answers over a time range say how complete they are. Every GET also answers HEAD; addresses that write also answer a browser's OPTIONS. A known address answers other methods with 405 \`method_not_allowed\`, an unknown one is 404 \`not_found\`.`;

const HEADERS = {
  'X-Request-Id': { description: 'The id of the request: as it was sent, or a new one.', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds to wait before the request is sent again.', schema: { type: 'integer' } },
  'WWW-Authenticate': { description: 'How to say who you are.', schema: { const: 'Bearer' } },
  'RateLimit-Policy': {
    description: 'What the key may send: quota and window of each limit. Absent where nothing limits it.',
    schema: { type: 'string' },
  },
  RateLimit: {
    description: 'What is left of it, and the seconds until it is whole again.',
    schema: { type: 'string' },
  },
};

const SECURITY = {
  writeKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'A write key of a project, from `wayline admin create-key`: for writing only.',
  },
  writeKeyInAddress: {
    type: 'apiKey',
    in: 'query',
    name: 'key',
    description: 'A write key, or a token, where no header can be set; for writing only.',
  },
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A token, from `wayline admin create-token`, with the scope that the operation needs: `write`, `read`, `aggregation` or `admin`.',
  },
  writeKeyAsUser: {
    type: 'http',
    scheme: 'basic',
    description: 'The write key as user name, as Segment’s clients do.',
  },
};

function described(operation: Operation, tag: string): DescribedOperation {
  const { id, summary, description, scope, body, deprecated } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(deprecated && { deprecated }),
    security: securityOf(operation),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: requestBody(body) }),
    responses: responsesOf(operation, scope === 'write' && operation.method === 'post'),
  };
}

function securityOf({ scope, basic }: Operation): object[] {
  if (scope === undefined) return [];
  const token = { token: [scope] };
  if (scope !== 'write') return [token];
  return [{ writeKey: [] }, { writeKeyInAddress: [] }, token, ...(basic ? [{ writeKeyAsUser: [] }] : [])];
}

function parametersOf({ path, query = [], headers = [], example }: Operation): object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    ...PATH_PARAMETERS[name],
    ...exampleOf(example?.path?.[name]),
  }));
  const inQuery = query.map((given) => {
    const name = typeof given === 'string' ? given : given.name;
    const shown = example?.query?.[name];
    if (typeof given === 'string' && shown === undefined) return { $ref: `#/components/parameters/${name}` };
    const parameter = typeof given === 'string' ? { name, ...PARAMETERS[name] } : given;
    return { ...parameter, in: 'query', ...exampleOf(shown) };
  });
  const inHeaders = headers.map((parameter: Parameter) => ({ ...parameter, in: 'header' }));
  return [...inPath, ...inQuery, ...inHeaders];
}

const exampleOf = (example: unknown): object => (example === undefined ? {} : { example });

function requestBody({ required, description, content }: NonNullable<Operation['body']>): object {
  return {
    required,
    ...(description !== undefined && { description }),
    content: Object.fromEntries(
      Object.entries(content).map(([type, { schema, examples }]) => [
        type,
        {
          schema,
          examples: Object.fromEntries(
            Object.entries(examples).map(([name, value]) => [idOf(name), { summary: name, value }]),
          ),
        },
      ]),
    ),
  };
}

/** A name for an example that may be a key. */
const idOf = (name: string): string => name.replaceAll(/\W+/g, '-');

/** Told where a limit holds for the key. */
const LIMITED = ['RateLimit-Policy', 'RateLimit'];

/** Where a status is both a success and a problem, it has the content of both. */
function responsesOf(operation: Operation, limited: boolean): Record<string, object> {
  const problems = problemAnswers([...new Set(operation.problems)], limited ? LIMITED : []);
  const answers: Record<string, object> = { ...problems };
  for (const [status, success] of Object.entries(operation.success)) {
    const answer = answerOf(success, limited);
    const problem = problems[status] as { description: string; headers: object; content: object } | undefined;
    answers[status] = problem
      ? {
          description: `${answer.description} Or: ${problem.description}`,
          headers: { ...answer.headers, ...problem.headers },
          content: { ...answer.content, ...problem.content },
        }
      : answer;
  }
  return answers;
}

function answerOf(
  { description, schema, content = schema && { 'application/json': schema }, headers = {} }: Success,
  limited: boolean,
) {
  const own = Object.entries(headers).map(([name, meaning]) => [
    name,
    { description: meaning, schema: { type: 'string' } },
  ]);
  const shared = ['X-Request-Id', ...(limited ? LIMITED : [])];
  return {
    description,
    headers: {
      ...Object.fromEntries(shared.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
      ...Object.fromEntries(own),
    },
    ...(content && {
      content: Object.fromEntries(Object.entries(content).map(([type, of]) => [type, { schema: of }])),
    }),
  };
}
