import Connection from 'kafkajs/src/network/connection.js';

let isDone = false;

/**
 * kafkajs keeps an empty piece of the answer that came last, and so all its bytes; the next one is joined to it, which copies
 * it. From now on a connection of kafkajs forgets what is empty. For the whole process, as its classes are.
 */
export function keepNoAnswers(): void {
  if (isDone) return;
  isDone = true;
  const { prototype } = Connection;
  const { processData } = prototype;
  prototype.processData = function (bytes) {
    processData.call(this, bytes);
    if (this.bytesBuffered === 0) this.chunks = [];
  };
}
