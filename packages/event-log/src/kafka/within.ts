/** Settles as the promise does, or rejects after so many ms with the sentence given; the promise then has no reader. */
export function within<T>(promise: Promise<T>, ms: number, sentence: string): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(sentence)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The message of anything thrown, for a sentence. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
