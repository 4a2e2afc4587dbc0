/** Stands in a template for what is another in each input: a UUID of the same length. */
export const ID_MARK = '00000000-0000-7000-8000-0123456789ab';
/** Stands in a template for the write key. */
export const KEY_MARK = 'the-write-key';

export interface Marks {
  id: string;
  writeKey: string;
}

/** The bytes with what is left of the marks filled in. */
export function fillMarks(bytes: Buffer, { id, writeKey }: Marks): Buffer {
  const text = bytes.toString('latin1');
  return Buffer.from(text.replaceAll(ID_MARK, id).replaceAll(KEY_MARK, writeKey), 'latin1');
}
