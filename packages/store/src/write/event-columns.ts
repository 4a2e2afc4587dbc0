/**
 * Places of a row's whole numbers in `EventTable.ints`. Texts that repeat stand there by their number in the table, -1 for none;
 * those of `TEXT_FIELDS` by their place in the row's buffer and, behind it, their length, -1 for none.
 */
export const INT = {
  buffer: 0,
  project: 1,
  skew: 2,
  flags: 3,
  /** As in `PLATFORMS`, 0 for none. */
  platform: 4,
  /** The 16 bytes of the id, four a number, each with a sign. */
  id: 5,
  session: 9,
  user: 10,
  anonymous: 11,
  machine: 12,
  type: 13,
  namespace: 14,
  userAgent: 15,
  source: 16,
  target: 17,
  page: 19,
  referrer: 21,
  context: 23,
  /** Which of the transaction's shares it belongs to, and its place after the first offset of its batch. */
  share: 25,
  index: 26,
  /** Its place among all rows of the transaction, in the order of the log. */
  order: 27,
} as const;
export const INTS = 28;

/** Places of a row's other numbers in `EventTable.floats`: times in epoch ms. */
export const FLOAT = { keyMs: 0, correctedMs: 1, receivedMs: 2, value: 3, seq: 4 } as const;
export const FLOATS = 5;

/** Bits of `INT.flags`. */
export const FLAG = { claim: 1, value: 2, seq: 4 } as const;

export const TEXT_FIELDS = ['target', 'page', 'referrer', 'context'] as const;
