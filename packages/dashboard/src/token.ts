const KEY = 'wayline-token';

/** What is needed of a window. */
export interface TokenWindow {
  location: { hash: string; pathname: string; search: string };
  history: { replaceState(data: unknown, unused: string, url: string): void };
  sessionStorage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/** The token of the address (`#token=…`), which is taken out of it and kept for this tab; else the one kept. */
export function takeToken({ location, history, sessionStorage }: TokenWindow): string | undefined {
  const given = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (given) {
    history.replaceState(null, '', `${location.pathname}${location.search}#/sessions`);
    keepToken(sessionStorage, decodeURIComponent(given));
  }
  return sessionStorage.getItem(KEY) ?? undefined;
}

export function keepToken(storage: Pick<Storage, 'setItem'>, token: string): void {
  storage.setItem(KEY, token.trim());
}

export function forgetToken(storage: Pick<Storage, 'removeItem'>): void {
  storage.removeItem(KEY);
}
