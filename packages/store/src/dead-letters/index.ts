export { type DeadLetterCause, deadLetterCauses } from './dead-letter-causes.ts';
export type { DeadLetterFilter, DeadLetterState } from './dead-letter-filter.ts';
export { discardDeadLetter, discardDeadLetters } from './discard-dead-letters.ts';
export { type ListedDeadLetter, listDeadLetters } from './list-dead-letters.ts';
export { type DeadLettersPage, readDeadLetter, readDeadLetters, type StoredDeadLetter } from './read-dead-letters.ts';
export { forgetReplays, markReplayed, type PreparedReplay, prepareReplays } from './replay-dead-letters.ts';
