import { closeSync, openSync, writeSync } from 'node:fs';
import { messageOf, UsageError } from '../errors.ts';
import type { Refusal } from './import-event.ts';

/** Keeps every refusal, as NDJSON `{line, errors: [{pointer, code, message}]}`. */
export interface RejectsFile {
  /** On disk when it returns: however many there are, none wait in memory. */
  write(refusal: Refusal): void;
  close(): void;
}

/** @throws UsageError if the file cannot be written */
export function openRejectsFile(path: string): RejectsFile {
  let file: number;
  try {
    file = openSync(path, 'w', 0o600); // messages may quote the input
  } catch (error) {
    throw new UsageError(`The file for refused lines cannot be written: ${messageOf(error)}.`);
  }
  return {
    write: (refusal) => void writeSync(file, `${JSON.stringify(refusal)}\n`),
    close: () => closeSync(file),
  };
}
