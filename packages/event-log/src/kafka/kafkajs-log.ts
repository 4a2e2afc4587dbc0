import { type logCreator, logLevel } from 'kafkajs';
import type { LogLogger } from '../event-log.ts';
import { CLOSED_HERE } from './socket-set.ts';

/** What kafkajs 2.2.4 says just before it takes an offset of its own choice, and says in no other way. */
const OUT_OF_RANGE = 'Offset out of range, resetting to default offset';
const REPEAT_MS = 30_000;

export interface KafkajsLog {
  level: logLevel;
  creator: logCreator;
}

/**
 * Passes kafkajs' warnings and errors on as warnings, each text at most every 30 s: during an outage it repeats itself.
 * @param onOutOfRange is called when a consumer is about to be moved, silently, by kafkajs
 */
export function createKafkajsLog(
  logger: LogLogger,
  onOutOfRange: (topic: string, partition: number) => void = () => {},
): KafkajsLog {
  const told = new Map<string, number>();
  return {
    level: logLevel.WARN,
    creator:
      () =>
      ({ namespace, log: { message, timestamp: _timestamp, logger: _name, stack: _stack, ...fields } }) => {
        if (message === OUT_OF_RANGE) onOutOfRange(fields.topic, fields.partition);
        if (message.endsWith(CLOSED_HERE)) return; // as was meant
        const now = Date.now();
        if (now - (told.get(message) ?? 0) < REPEAT_MS) return;
        if (told.size > 100) told.clear();
        told.set(message, now);
        const reason = typeof fields.error === 'string' && !message.includes(fields.error) ? `: ${fields.error}` : '';
        logger.warn({ kafkajs: namespace, ...fields }, `Kafka client: ${message}${reason}`);
      },
  };
}
