export * from './kafka-availability.ts';
export * from './kafka-cluster.ts';
export * from './kafka-describe.ts';
export * from './kafka-shared.ts';
export * from './tcp-proxy.ts';
