export { lastConnectionString } from './last-connection-string.ts';
export { PostgresServerError } from './postgres-server-error.ts';
export { type PostgresServer, type PostgresServerOptions, startPostgresServer } from './start-postgres-server.ts';
