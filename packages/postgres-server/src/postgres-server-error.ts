/** The server cannot be started or has ended; the message is for the operator: what is wrong, and what to do. */
export class PostgresServerError extends Error {
  override readonly name = 'PostgresServerError';
}
