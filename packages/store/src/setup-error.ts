/** What kind of thing is wrong; `unreachable` alone may pass by itself. */
export type StoreSetupReason =
  | 'address'
  | 'unreachable'
  | 'credentials'
  | 'database'
  | 'permission'
  | 'tls'
  | 'encoding';

/** The database cannot be used as it is set up; the message is one sentence for the operator, without the password. */
export class StoreSetupError extends Error {
  override readonly name = 'StoreSetupError';
  readonly reason: StoreSetupReason;

  constructor(reason: StoreSetupReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Where a client was going, as pg read it from the address; never holds the password. */
export interface DatabasePlace {
  host: string;
  port: number;
  user: string | undefined;
  database: string | undefined;
}

const SOCKET_FAULTS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there (is PostgreSQL running?)',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of the host could not be looked up just now',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'it did not answer in time',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  ENOENT: 'there is no such socket',
  EACCES: 'the socket may not be opened by this user',
};

/**
 * The sentence for an error of connecting or of the first statements; undefined for what is no fault of the set-up.
 * @param error what pg threw
 */
export function toSetupError(error: unknown, place: DatabasePlace): StoreSetupError | undefined {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  const at = `PostgreSQL at ${place.host.startsWith('/') ? place.host : `${place.host}:${place.port}`}`;
  const made = (reason: StoreSetupReason, text: string) => new StoreSetupError(reason, text, { cause: error });
  const socketFault = SOCKET_FAULTS[code];
  if (socketFault) return made('unreachable', `${at} cannot be reached: ${socketFault}.`);
  if (/timeout/i.test(message) && !code) {
    return made('unreachable', `${at} cannot be reached: it did not answer in time.`);
  }
  if (message.startsWith('Connection terminated')) {
    return made('unreachable', `${at} closed the connection; it may be starting, or not be PostgreSQL.`);
  }
  if (code === '57P03') return made('unreachable', `${at} is starting up or shutting down; try again shortly.`);
  if (code === '53300') return made('unreachable', `${at} has no connection left (max_connections).`);
  if (message.includes('no encryption')) {
    return made('tls', `${at} takes only connections with TLS; add sslmode to the address.`);
  }
  if (code === '28P01' || code === '28000') {
    return made('credentials', `${at} refused the user "${place.user}": wrong password, or not allowed from here.`);
  }
  if (message.includes('client password must be a')) {
    return made('credentials', `${at} wants a password for the user "${place.user}", and the address has none.`);
  }
  if (code === '3D000') return made('database', `${at} has no database "${place.database}"; create it first.`);
  if (code === '42501') {
    return made(
      'permission',
      `${at} does not let the user "${place.user}" do this in "${place.database}": ${message}.`,
    );
  }
  if (message.includes('does not support SSL')) {
    return made('tls', `${at} does not speak TLS, and the address asks for it (sslmode).`);
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_/.test(code)) {
    return made('tls', `The certificate of ${at} was not accepted: ${message}.`);
  }
  return undefined;
}
