/** What the beginning of a request to a Kafka broker says of it. */
export interface KafkaRequest {
  /** 0 is Produce; https://kafka.apache.org/protocol#protocol_api_keys */
  apiKey: number;
  clientId: string;
}

export const PRODUCE = 0;

const HIGHEST_API_KEY = 100;
const CLIENT_ID_AT = 14;

/** Reads the head of a request at the beginning of a chunk; undefined where none begins there. */
export function readKafkaRequest(chunk: Buffer): KafkaRequest | undefined {
  if (chunk.length < CLIENT_ID_AT) return undefined;
  const apiKey = chunk.readInt16BE(4);
  const length = chunk.readInt16BE(12);
  if (apiKey < 0 || apiKey > HIGHEST_API_KEY || length < 0 || chunk.length < CLIENT_ID_AT + length) return undefined;
  return { apiKey, clientId: chunk.toString('latin1', CLIENT_ID_AT, CLIENT_ID_AT + length) };
}
