import Broker from 'kafkajs/src/broker/index.js';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js';

export interface AskedPartition {
  partition: number;
  fetchOffset: string;
}

export interface AskedTopic<Partition extends AskedPartition = AskedPartition> {
  topic: string;
  partitions: Partition[];
}

interface Turn {
  fetchOffset: string;
  /** The number of the request from which on it was asked for this offset. */
  since: number;
}

/**
 * In which order partitions are asked for: a broker fills its answer in the order of the request, as far as it goes. Whose last records
 * came longest ago comes first, so that with more to read than an answer holds each has its turn.
 */
export class Turns {
  readonly #turns = new Map<string, Turn>();
  #requests = 0;

  /** Takes note of a request, and answers with its partitions in their order. */
  ordered<Partition extends AskedPartition>(topics: readonly AskedTopic<Partition>[]): AskedTopic<Partition>[] {
    this.#requests++;
    const asked = topics.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition, since: this.#since(topic, partition) })),
    );
    asked.sort((a, b) => a.since - b.since); // stable: those of one request stay in kafkajs' order, which is drawn by lot
    const ordered: AskedTopic<Partition>[] = [];
    for (const { topic, partition } of asked) {
      const last = ordered.at(-1);
      if (last?.topic === topic) last.partitions.push(partition);
      else ordered.push({ topic, partitions: [partition] });
    }
    return ordered;
  }

  #since(topic: string, { partition, fetchOffset }: AskedPartition): number {
    const key = `${topic}/${partition}`;
    const turn = this.#turns.get(key);
    if (turn?.fetchOffset === fetchOffset) return turn.since;
    this.#turns.set(key, { fetchOffset, since: this.#requests });
    return this.#requests;
  }
}

type Lookup = Broker['lookupRequest'];

let isDone = false;
const inTurns = new WeakSet<Lookup>();

/**
 * kafkajs draws by lot, for each fetch, in which order it asks for partitions, so that some wait for many fetches. From now on they take
 * turns. For the whole process, as its classes are; each of its clients has brokers of its own.
 */
export function fetchInTurns(): void {
  if (isDone) return;
  isDone = true;
  const { prototype } = Broker;
  const { fetch } = prototype;
  prototype.fetch = function (parameters) {
    // A broker gets it when it has connected, and draws its lots before it calls it.
    if (!inTurns.has(this.lookupRequest)) this.lookupRequest = orderingFetches(this.lookupRequest);
    return fetch.call(this, parameters);
  };
}

function orderingFetches(lookup: Lookup): Lookup {
  const turns = new Turns();
  const ordering: Lookup = (apiKey, definitions) => {
    const request = lookup(apiKey, definitions);
    if (apiKey !== apiKeys.Fetch) return request;
    return (parameters) => {
      const { topics } = parameters as { topics: AskedTopic[] };
      return request({ ...parameters, topics: turns.ordered(topics) });
    };
  };
  inTurns.add(ordering);
  return ordering;
}
