import type { ProblemCode } from '../error-codes.ts';

/** A JSON Schema (draft 2020-12) as it stands in the description. */
export type Schema = Readonly<Record<string, unknown>>;

/** The processes that serve HTTP. */
export type Role = 'ingest' | 'query' | 'worker';

export type ApiScope = 'write' | 'read' | 'aggregation' | 'admin';

/** A parameter that only one operation has; those of several stand in `PARAMETERS`, and are named. */
export interface Parameter {
  name: string;
  description: string;
  schema: Schema;
  required?: boolean;
}

export interface Media {
  schema: Schema;
  /** Bodies that work as they are, by what they show. */
  examples: Readonly<Record<string, unknown>>;
}

export interface Success {
  description: string;
  /** Of JSON. Neither this nor `content`: an answer without a body. */
  schema?: Schema;
  /** By media type, where it is not JSON alone. Of NDJSON the schema is that of a line. */
  content?: Readonly<Record<string, Schema>>;
  /** Beside those of every answer; their descriptions. */
  headers?: Readonly<Record<string, string>>;
}

/** What can be asked of one address by one method. */
export interface Operation {
  /** Unique; the name of a function in clients made from the description. */
  id: string;
  method: 'get' | 'post' | 'delete';
  path: string;
  /** A few words. */
  summary: string;
  description?: string;
  /** Absent: open to all. */
  scope?: ApiScope;
  /** Whether the key may also come as Segment's clients send it. */
  basic?: boolean;
  /** Of the query string: names of `PARAMETERS`, or of its own. */
  query?: readonly (string | Parameter)[];
  headers?: readonly Parameter[];
  body?: { required: boolean; description?: string; content: Readonly<Record<string, Media>> };
  /** By status; the least is what the example is answered with. */
  success: Readonly<Record<number, Success>>;
  problems: readonly ProblemCode[];
  /** Values for the address, with which it works once the examples that write were sent. */
  example?: { path?: Readonly<Record<string, string>>; query?: Readonly<Record<string, string | number>> };
  deprecated?: boolean;
}

/** Operations that belong together, and the schemas that only they need. */
export interface Area {
  name: string;
  description: string;
  /** The roles that serve it. */
  roles: readonly Role[];
  schemas?: Readonly<Record<string, Schema>>;
  operations: readonly Operation[];
}
