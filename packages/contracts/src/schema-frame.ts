/** First byte of the Confluent wire format: then four bytes of schema id, big-endian, then the JSON. */
const MAGIC = 0;
export const FRAME_BYTES = 5;

/** No JSON text begins so. */
export const isFramed = (value: Uint8Array): boolean => value[0] === MAGIC;

/** The schema id of a framed value; undefined where there is no frame, or it is cut off. */
export function schemaIdOf(value: Uint8Array | null): number | undefined {
  if (value === null || value.length < FRAME_BYTES || !isFramed(value)) return undefined;
  return new DataView(value.buffer, value.byteOffset).getUint32(1);
}

/** What stands before the JSON of a value that was written by the schema. */
export function schemaFrame(schemaId: number): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  new DataView(frame.buffer).setUint32(1, schemaId);
  return frame;
}
