/** What a process ends with; promised to whoever starts it. */
export const EXIT = { stopped: 0, fault: 1, usage: 2, schemaNewer: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Something that whoever starts the program must mend; the message is one sentence, shown without a stack trace. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The text of a thrown value, for a sentence to the operator. */
export function messageOf(error: unknown): string {
  const { message, errors } = (error ?? {}) as { message?: unknown; errors?: unknown };
  if (typeof message === 'string' && message !== '') return message;
  return Array.isArray(errors) ? errors.map(messageOf).join('; ') : String(error);
}
