import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ImportReport } from '../../src/import/import-report.ts';
import { type ImportOptions, runImport } from '../../src/import/run-import.ts';
import { type Arrived, type StandInApi, startStandInApi } from './stand-in-api.ts';

/** A data folder of its own, and an API that imports go to. */
export interface ImportScene {
  readonly folder: string;
  readonly api: StandInApi;
  /** What was told in the log, up to now. */
  log(): string;
  /** Imports NDJSON, unless the options say otherwise; pauses are short. */
  importing(input: ImportOptions['input'], options?: Partial<ImportOptions>): Promise<ImportReport>;
  close(): Promise<void>;
}

/** @param intervene as of `startStandInApi` */
export async function createImportScene(
  intervene?: (arrived: Arrived) => boolean | Promise<boolean>,
): Promise<ImportScene> {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-import-'));
  const api = await startStandInApi(intervene);
  let log = '';
  return {
    folder,
    api,
    log: () => log,
    importing: (input, options = {}) =>
      runImport({
        input,
        format: 'ndjson',
        url: api.url,
        credential: 'the-key',
        dataDir: folder,
        log: {
          write: (text) => {
            log += text;
          },
        },
        signal: new AbortController().signal,
        ...options,
        tuning: { firstPauseMs: 5, ...options.tuning },
      }),
    async close() {
      await api.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A line of NDJSON. */
export const event = (fields: object = {}): string =>
  JSON.stringify({ sessionId: 's-1', type: 'click', occurredAt: '2026-01-05T00:00:00.000Z', ...fields });

/** The lines as a stream. */
export const lines = (...texts: readonly (string | Buffer)[]): Readable =>
  Readable.from(texts.map((text) => Buffer.concat([Buffer.from(text), Buffer.from('\n')])));
