import type { EventLog, NewRecord } from '../event-log.ts';

/** What is put before each value; undefined: nothing. Asked at each append. */
export type FrameSource = () => Uint8Array | undefined;

/** The same log; values of the topic that are appended through it are framed. */
export function withFrames(log: EventLog, topic: string, frameOf: FrameSource): EventLog {
  return {
    id: log.id,
    append(to, records) {
      const frame = to === topic ? frameOf() : undefined;
      return log.append(to, frame ? records.map((record) => framed(record, frame)) : records);
    },
    consume: (options) => log.consume(options),
    follow: (options) => log.follow(options),
    ranges: (name) => log.ranges(name),
    peek: (position) => log.peek(position),
    retentionMs: (name) => log.retentionMs(name),
    publishPosition: (group, positions) => log.publishPosition(group, positions),
    close: () => log.close(),
  };
}

function framed(record: NewRecord, frame: Uint8Array): NewRecord {
  const value = Buffer.allocUnsafe(frame.length + record.value.length);
  value.set(frame);
  value.set(record.value, frame.length);
  return { ...record, value };
}
