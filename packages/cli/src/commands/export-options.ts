export const FORMATS = ['ndjson', 'csv', 'otlp', 'chrome'] as const;

/** What `wayline export` is told. */
export interface ExportOptions {
  session?: string;
  machine?: string;
  from?: string;
  to?: string;
  type?: string;
  format: (typeof FORMATS)[number];
  escapeFormulas?: boolean;
  output?: string;
}
