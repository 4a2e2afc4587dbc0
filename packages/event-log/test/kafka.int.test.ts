import { describeWithKafka, sharedKafka } from '@wayline/testkit';
import { eventLogContract } from '../src/contract-suite/index.ts';
import { createKafkaLog } from '../src/kafka/index.ts';

await describeWithKafka('on a real Kafka', () => {
  eventLogContract('kafka', {
    slowHandlerMs: 7000, // Kafka takes no session below 6 s
    async open(options) {
      const { brokers } = await sharedKafka();
      const reopen = () => createKafkaLog({ brokers, sessionTimeoutMs: 6000, ...options });
      return {
        log: await reopen(),
        reopen,
        openOther: () => createKafkaLog({ brokers, generation: 2, ...options }),
        dispose: async () => {},
      };
    },
  });
});
