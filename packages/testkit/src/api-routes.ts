import type { ApiDescription } from '@wayline/contracts/api';

/** A router of express, as far as one can look into it. */
export interface RouterLike {
  stack: readonly Layer[];
}

interface Layer {
  route?: { path: string; stack: readonly { method?: string }[] };
  /** A function; with a `stack` where it is a router. */
  handle?: unknown;
}

/** `GET /v1/sessions/:`: the routes that a router serves, without the names of what stands in addresses. */
export function servedRoutes({ stack }: RouterLike): string[] {
  return stack.flatMap(({ route, handle }) => {
    if (!route) {
      const inner = (handle as Partial<RouterLike> | undefined)?.stack;
      return inner ? servedRoutes({ stack: inner }) : [];
    }
    // What stands for all methods only says which there are.
    const methods = route.stack.flatMap(({ method }) => method ?? []);
    return [...new Set(methods)].map((method) => `${method.toUpperCase()} ${route.path.replaceAll(/:\w+/g, ':')}`);
  });
}

/** The same of a description. */
export function describedRoutes({ paths }: ApiDescription): string[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, ':')}`),
  );
}
