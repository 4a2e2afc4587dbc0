import { RegistryUnavailableError } from './registry-errors.ts';

export interface RegistryAccess {
  /** Of the registry; a path is kept, a name and password in it count where none are given. */
  url: string;
  username?: string | undefined;
  password?: string | undefined;
  /** Of one call, ms. Default 5,000. */
  timeoutMs?: number;
}

export interface RegistryAnswer {
  status: number;
  /** Undefined where the answer was no JSON. */
  json: unknown;
}

const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json';

/** Asks the registry; whatever it answers but 5xx, 429, 401 and 403 is for the caller to judge. */
export async function ask(
  access: RegistryAccess,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  { body, signal }: { body?: object; signal?: AbortSignal | undefined } = {},
): Promise<RegistryAnswer> {
  const { timeoutMs = 5_000 } = access;
  const patience = AbortSignal.timeout(timeoutMs);
  const { address, authorization } = read(access);
  let status: number;
  let text: string;
  try {
    const response = await fetch(address + path, {
      method,
      headers: {
        Accept: MEDIA_TYPE,
        ...(body && { 'Content-Type': MEDIA_TYPE }),
        ...(authorization && { Authorization: authorization }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    status = response.status;
    text = await response.text();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new RegistryUnavailableError(`the schema registry does not answer (${reasonOf(cause, timeoutMs)})`, {
      cause,
    });
  }
  if (status === 401 || status === 403) {
    throw new RegistryUnavailableError(`the schema registry does not let this process in (${status})`);
  }
  if (status >= 500 || status === 429) throw new RegistryUnavailableError(`the schema registry answers ${status}`);
  return { status, json: parsed(text) };
}

function read({ url, username, password }: RegistryAccess): { address: string; authorization?: string } {
  const parts = new URL(url);
  const name = username ?? decodeURIComponent(parts.username);
  const secret = password ?? decodeURIComponent(parts.password);
  const address = `${parts.origin}${parts.pathname.replace(/\/+$/, '')}`;
  if (name === '' && secret === '') return { address };
  return { address, authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}` };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as { name?: string; message?: string; cause?: { code?: string } };
  return name === 'TimeoutError' ? `nothing within ${timeoutMs} ms` : (cause?.code ?? message ?? 'no reason');
}
