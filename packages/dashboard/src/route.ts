import { useSyncExternalStore } from 'react';

/** A place in the app: `#/sessions/abc?cursor=x` is the path ['sessions', 'abc'] with a query. */
export interface Route {
  path: string[];
  query: Record<string, string>;
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return {
    path: path.split('/').filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** A half of a percent code, typed by hand, must not take the page down. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a place, for `href`. Empty values are left out. */
export function linkTo(path: readonly string[], query: Record<string, string | undefined> = {}): string {
  return `#/${path.map(encodeURIComponent).join('/')}${queryText(query)}`;
}

/** `?a=1&b=2`, or nothing. */
export function queryText(query: Record<string, string | undefined>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
}

function onHashChange(changed: () => void): () => void {
  window.addEventListener('hashchange', changed);
  return () => window.removeEventListener('hashchange', changed);
}

export function useHash(): string {
  return useSyncExternalStore(onHashChange, () => window.location.hash);
}
