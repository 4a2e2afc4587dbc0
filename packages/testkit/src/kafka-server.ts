/** One broker, wherever it runs. What is called on a broker that is not in the state for it rejects. */
export interface KafkaServer {
  /** host:port for clients; the same after a restart. */
  readonly address: string;
  /** Starts it, without waiting until it answers. Its data is that of before. */
  start(): Promise<void>;
  /** Why it is not running, or undefined if it is. */
  failure(): Promise<string | undefined>;
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>;
  /** SIGTERM: hands its leaderships over, and gone when it resolves. */
  stop(): Promise<void>;
  /** Stands still, with its connections open. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it for good, from any state. */
  remove(): Promise<void>;
}
