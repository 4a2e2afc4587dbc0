import { clientSettings } from '../client-settings.ts';
import type { Config } from '../config.ts';
import { EXIT, type ExitCode, UsageError } from '../errors.ts';
import { type ImportFormat, runImport } from '../import/run-import.ts';
import { bindToProcess } from '../process-signals.ts';
import { report, tell } from '../report.ts';

export interface ImportCommandOptions {
  format: ImportFormat;
  saltFile?: string;
  source?: string;
  concurrency?: number;
  rejects?: string;
}

/** Imports a file, or standard input. Answers with 0 when every line of it was accepted, else, or if interrupted, with 1. */
export async function runImportCommand(
  config: Config<'import'>,
  file: string | undefined,
  { rejects, ...options }: ImportCommandOptions,
): Promise<ExitCode> {
  const fromStdin = file === undefined || file === '-';
  if (fromStdin && process.stdin.isTTY) throw new UsageError('Name a file to import, or send it to standard input.');
  if (options.format !== 'access-log' && (options.source ?? options.saltFile) !== undefined) {
    throw new UsageError(
      '--source and --salt-file are for --format access-log; events in NDJSON name their own source.',
    );
  }
  const { url, credential } = await clientSettings(config);
  const interrupt = new AbortController();
  const unbind = bindToProcess(
    {
      stop: () => interrupt.abort(),
      fail: (error) => process.exit(report(error)),
      force: () => undefined,
    },
    { info: () => undefined, error: (_fields, message) => tell(message) },
  );
  try {
    const { refused, interrupted } = await runImport({
      ...options,
      input: fromStdin ? process.stdin : file,
      rejectsFile: rejects,
      url,
      credential,
      dataDir: config.dataDir,
      log: process.stderr,
      signal: interrupt.signal,
    });
    return interrupted || refused > 0 ? EXIT.fault : EXIT.stopped;
  } finally {
    unbind();
  }
}
