/** What an error of PostgreSQL means for a batch. */
export type StoreErrorClass = 'transient' | 'data';

/** SQLSTATEs that say: these very rows can never be stored. Anything else is waited out. */
const DATA_CLASSES = ['22', '23', '54'];

/**
 * `data`: a row of the batch can never succeed (found by bisection, dead-lettered alone). `transient`: everything else,
 * a lost connection and errors that nobody foresaw included; waiting costs time, a wrong dead letter costs an event.
 */
export function classifyStoreError(error: unknown): StoreErrorClass {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && DATA_CLASSES.includes(code.slice(0, 2))
    ? 'data'
    : 'transient';
}
