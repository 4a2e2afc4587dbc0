import { EXIT, type ExitCode, messageOf } from './errors.ts';

/** A sentence to whoever started the program, on standard error. */
export function tell(sentence: string): void {
  process.stderr.write(`wayline: ${sentence}\n`);
}

/** Errors whose message is a sentence for the operator, and what the process ends with; by name, so that no package is loaded for it. */
const FOR_THE_OPERATOR: Record<string, ExitCode> = {
  UsageError: EXIT.usage,
  IdentityError: EXIT.usage,
  LogSetupError: EXIT.usage,
  StoreSetupError: EXIT.usage,
  PostgresServerError: EXIT.usage,
  ImportError: EXIT.fault,
  RemoteError: EXIT.fault,
  SchemaTooNewError: EXIT.schemaNewer,
};

/** Tells why a command failed: one sentence for what the operator can mend, a stack trace for what we must. */
export function report(error: unknown): ExitCode {
  const { name, stack } = (error ?? {}) as Partial<Error>;
  const code = FOR_THE_OPERATOR[name ?? ''];
  if (code !== undefined) {
    for (const sentence of messageOf(error).split('\n')) tell(sentence);
    return code;
  }
  tell(`a fault of the program: ${stack ?? messageOf(error)}`);
  return EXIT.fault;
}
