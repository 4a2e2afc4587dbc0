export { createKafkaLog } from './create-kafka-log.ts';
export type { KafkaLogOptions } from './options.ts';
