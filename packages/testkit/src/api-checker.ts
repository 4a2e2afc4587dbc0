import type { ApiDescription, Schema } from '@wayline/contracts/api';
import { createApiSchemas } from './api-schemas.ts';

export interface AnswerToCheck {
  method: string;
  /** Path and query. */
  path: string;
  status: number;
  headers: Headers;
  text: string;
}

/** Holds answers against the description of the API, and remembers what of it was ever seen. */
export interface ApiChecker {
  /** @throws where the description says otherwise: no such operation, status, header, media type, code or field */
  check(answer: AnswerToCheck): void;
  /**
   * What is described and was never seen: `operation status`, `operation status code` of problems, `operation status header
   * name`, and fields as `Component.field` or `operation status.field`.
   */
  unseen(): string[];
}

export function createApiChecker(description: ApiDescription): ApiChecker {
  const schemas = createApiSchemas(description);
  const addresses = Object.entries(description.paths)
    .map(([path, methods]) => ({ path, methods, pattern: patternOf(path) }))
    // Of two that fit, the one with fewer places to fill in.
    .sort((a, b) => a.path.split('{').length - b.path.split('{').length);
  const described = everything(description);
  const seen = new Set<string>();

  function everything({ paths }: ApiDescription): Set<string> {
    const all = new Set<string>();
    for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods))) {
      for (const [status, response] of Object.entries(operation.responses)) {
        const place = `${operation.operationId} ${status}`;
        all.add(place);
        for (const name of Object.keys((response as Response).headers ?? {})) all.add(`${place} header ${name}`);
        for (const [type, media] of Object.entries((response as Response).content ?? {})) {
          if (type === PROBLEM) for (const code of codesOf(media)) all.add(`${place} ${code}`);
          for (const field of schemas.fieldsOf(media.schema, place)) all.add(field);
        }
      }
    }
    return all;
  }

  function checkBody(place: string, media: Media, { type, text }: { type: string; text: string }): void {
    for (const value of valuesOf(type, text)) {
      const errors = schemas.errorsOf(media.schema, value);
      if (errors !== undefined) throw new Error(`${place} is not as described:\n${errors}\n${text.slice(0, 2000)}`);
      for (const field of schemas.fieldsIn(media.schema, value, place)) seen.add(field);
      if (type !== PROBLEM) continue;
      const { code } = value as { code: string };
      if (!codesOf(media).includes(code)) throw new Error(`${place} is described without ${code}: ${text}`);
      seen.add(`${place} ${code}`);
    }
  }

  return {
    check({ method, path, status, headers, text }) {
      const [address = ''] = path.split('?', 1);
      const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
      const fitting = addresses.filter(({ pattern }) => pattern.test(address));
      const operation = fitting.find(({ methods }) => methods[verb])?.methods[verb];
      if (!operation) {
        if (status === (fitting.length > 0 ? 405 : 404) || method === 'OPTIONS') return;
        throw new Error(`${method} ${address} answers ${status}, and is not described`);
      }
      const place = `${operation.operationId} ${status}`;
      const response = operation.responses[status] as Response | undefined;
      if (!response) throw new Error(`${place}: the status is not described; ${text.slice(0, 500)}`);
      seen.add(place);
      const described = Object.keys(response.headers ?? {});
      for (const name of described) if (headers.has(name)) seen.add(`${place} header ${name}`);
      const known = new Set(described.map((name) => name.toLowerCase()));
      const unknown = [...headers.keys()].filter((name) => !known.has(name) && !OF_HTTP.test(name));
      if (unknown.length > 0) throw new Error(`${place} is described without the headers ${unknown.join(', ')}`);
      if (method === 'HEAD') return;
      if (!response.content) {
        if (text !== '') throw new Error(`${place} is described without a body: ${text.slice(0, 500)}`);
        return;
      }
      const type = (headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
      const media = response.content[type];
      if (!media) throw new Error(`${place}: the media type ${type} is not described`);
      checkBody(place, media, { type, text });
    },
    unseen: () => [...described].filter((each) => !seen.has(each)).sort(),
  };
}

const PROBLEM = 'application/problem+json';

interface Media {
  schema: Schema;
  examples?: Record<string, unknown>;
}

/** Headers that say nothing that is ours. */
const OF_HTTP =
  /^(date|connection|keep-alive|content-(length|type|encoding|security-policy)|transfer-encoding|upgrade|cache-control|vary|allow|trailer|access-control-.+|etag|last-modified|accept-ranges|x-content-type-options|referrer-policy|x-(powered-by|accel-buffering))$/;

interface Response {
  headers?: Record<string, object>;
  content?: Record<string, Media>;
}

/** A problem's codes are the names of its examples. */
const codesOf = ({ examples = {} }: Media): string[] => Object.keys(examples);

/** A slash at the end is let through, as express does. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`);

function valuesOf(type: string, text: string): unknown[] {
  if (type.endsWith('json')) {
    if (!type.endsWith('ndjson')) return [JSON.parse(text)];
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  }
  return [text];
}
