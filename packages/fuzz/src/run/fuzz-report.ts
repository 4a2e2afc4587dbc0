/** What a run did, and what it found. */
export interface FuzzReport {
  seed: number;
  inputs: number;
  /** Inputs by door. */
  doors: Record<string, number>;
  /** Answers by status of HTTP, or by what became of a frame or a record. */
  outcomes: Record<string, number>;
  /** Events that were acknowledged, at least. */
  acknowledged: number;
  /** Records found in the log. */
  logged: number;
  stored: number;
  deadLetters: number;
  seconds: number;
  /** A sentence each, with what it takes to see it again. */
  wrong: string[];
}

/** The outcome of a request whose connection ended before its answer. */
export const UNANSWERED = 'closed without an answer';

export const emptyReport = (seed: number): FuzzReport => ({
  seed,
  inputs: 0,
  doors: {},
  outcomes: {},
  acknowledged: 0,
  logged: 0,
  stored: 0,
  deadLetters: 0,
  seconds: 0,
  wrong: [],
});

export function count(counts: Record<string, number>, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by;
}

/** So many findings of a kind are told; a run that goes wrong altogether must not fill the disk. */
const MOST_TOLD = 50;
const MOST_CHARACTERS = 2000;

export function tell(report: FuzzReport, sentence: string): void {
  if (report.wrong.length < MOST_TOLD) report.wrong.push(sentence.slice(0, MOST_CHARACTERS));
  else if (report.wrong.length === MOST_TOLD) report.wrong.push('and more, which is not told.');
}
