import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  describeWithKafka,
  type KafkaCluster,
  sharedKafka,
  startKafka,
} from '@wayline/testkit';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
  type SASLOptions,
} from 'kafkajs';
import { numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { EventLog } from '../src/event-log.ts';
import { createKafkaLog, type KafkaLogOptions } from '../src/kafka/index.ts';

type Mechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';
const USERS = { wayline: 'correct horse', ingest: 'battery', worker: 'staple', payments: 'paper' };
const signIn = (mechanism: Mechanism, password = USERS.wayline) =>
  ({ mechanism, username: 'wayline', password }) as SASLOptions; // which has a type for each mechanism

const { NOTHING } = logLevel;

/** Brokers that ask who is there, and clients that ask whether it is them. */
await describeWithKafka(
  'Kafka with sign-in and TLS',
  () => {
    let authority: CertificateAuthority;
    let kafka: KafkaCluster;
    const closers: (() => Promise<unknown>)[] = [];
    const told: string[] = [];
    const tell = ({ reason = '' }: { reason?: string }, message: string) => {
      const isOfNewCluster = /GroupCoordinator|coordinator is loading/.test(message) || /leader|host this/.test(reason);
      if (!isOfNewCluster) told.push(reason ? `${message} (${reason})` : message);
    };
    beforeAll(async () => {
      authority = await createCertificateAuthority('The authority of a test');
      const tls = { broker: await authority.issue('kafka'), authority: authority.certificate };
      const config = {
        // kafkajs signs in anew 10 s before it must.
        'listener.name.client.scram-sha-256.connections.max.reauth.ms': '11500',
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS;User:wayline', // the brokers themselves come as the first
      };
      kafka = await startKafka({ security: { users: USERS, tls }, config });
    }, 120_000);
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
      told.length = 0;
    });
    afterAll(() => kafka?.close());

    const ssl = () => ({ ca: authority.certificate });

    /** As the first user, who may do everything. */
    async function openAdmin() {
      const admin = new Kafka({
        brokers: [...kafka.brokers],
        ssl: ssl(),
        sasl: signIn('plain'),
        logLevel: NOTHING,
      }).admin();
      await admin.connect();
      return admin;
    }

    async function allow(
      user: string,
      resourceType: AclResourceTypes,
      { name: resourceName, operations }: { name: string; operations: AclOperationTypes[] },
    ): Promise<void> {
      const admin = await openAdmin();
      const shared = {
        host: '*',
        permissionType: AclPermissionTypes.ALLOW,
        resourcePatternType: ResourcePatternTypes.LITERAL,
      };
      await admin.createAcls({
        acl: operations.map((operation) => ({
          ...shared,
          principal: `User:${user}`,
          resourceType,
          resourceName,
          operation,
        })),
      });
      await admin.disconnect();
    }

    async function forbid(topic: string, operation: AclOperationTypes): Promise<void> {
      const admin = await openAdmin();
      const what = { resourceName: topic, resourceType: AclResourceTypes.TOPIC, operation, host: '*' };
      const shared = { permissionType: AclPermissionTypes.ALLOW, resourcePatternType: ResourcePatternTypes.LITERAL };
      await admin.deleteAcls({ filters: [{ ...what, ...shared, principal: 'User:worker' }] });
      await admin.disconnect();
    }

    const address = () => kafka.brokers[0] as string;

    async function open(options: Partial<KafkaLogOptions>, topic = `security.${randomUUID()}`): Promise<EventLog> {
      const log = await createKafkaLog({
        brokers: kafka.brokers,
        topics: [{ name: topic, partitions: 2 }],
        ssl: ssl(),
        logger: { info() {}, warn: tell, error: tell },
        ...options,
      });
      closers.push(() => log.close());
      return log;
    }

    async function expectToWork(options: Partial<KafkaLogOptions>): Promise<void> {
      const topic = `security.${randomUUID()}`;
      const log = await open(options, topic);
      await log.append(topic, numbered(20));
      const reader = await startReader(log, { topic });
      await reader.until('all', () => reader.values().length === 20);
      expect(reader.values()).toEqual(numbers(20));
      const [first, second] = await log.ranges(topic);
      const partition = first?.end === 20 ? 0 : 1;
      expect([first, second].map((range) => range?.end).sort()).toEqual([0, 20]);
      expect(String((await log.peek({ topic, partition, offset: 7 }))?.value)).toBe('7');

      // Requests of many parts, and more than a socket takes at once.
      const large = Array.from({ length: 4000 }, (_, i) => ({
        key: `key-${i % 7}`,
        value: Buffer.from(`${i}-`.padEnd(100 + ((i * 7919) % 3000), 'x')),
      }));
      const parts = [0, 1000, 2000, 3000].map((from) => log.append(topic, large.slice(from, from + 1000)));
      await Promise.all(parts);
      await reader.until('the large ones', () => reader.values().length === 4020);
      expect(reader.values().slice(20).sort()).toEqual(large.map(({ value }) => String(value)).sort());
      expect(told).toEqual([]);
    }

    /** The sentence with which opening fails, and after how long, ms. */
    async function faultOf(options: Partial<KafkaLogOptions>): Promise<{ sentence: string; afterMs: number }> {
      const startedAt = Date.now();
      const error = await open(options).then(
        () => new Error('it was opened'),
        (reason: Error) => reason,
      );
      expect(error.name).toBe('LogSetupError');
      return { sentence: error.message, afterMs: Date.now() - startedAt };
    }

    test.each<Mechanism>(['plain', 'scram-sha-256', 'scram-sha-512'])('by %s over TLS the log works', (mechanism) =>
      expectToWork({ sasl: signIn(mechanism) }),
    );

    test('who must sign in anew, again and again, does so, and nothing is told or lost', async () => {
      const topic = `security.${randomUUID()}`;
      const log = await open({ sasl: signIn('scram-sha-256') }, topic);
      const reader = await startReader(log, { topic });
      for (let i = 0; i < 60; i++) {
        await log.append(topic, numbered(1, { from: i }));
        await sleep(100);
      }
      await reader.until('all', () => reader.values().length === 60);
      expect(reader.values()).toEqual(numbers(60));
      expect([told, reader.begins.length]).toEqual([[], 2]);
    }, 30_000);

    test.each<Mechanism>(['plain', 'scram-sha-256'])('a wrong password by %s is told at once', async (mechanism) => {
      const { sentence, afterMs } = await faultOf({ sasl: signIn(mechanism, 'wrong') });
      const name = mechanism.toUpperCase();
      expect(sentence).toMatch(
        new RegExp(
          `^Kafka does not accept the sign-in of wayline by ${name} \\(${address()}: SASL .* failed: .*\\)\\.$`,
        ),
      );
      expect(sentence).not.toContain('wrong');
      expect(afterMs).toBeLessThan(9000); // and not only when the patience is at its end
    });

    test('an authority that did not issue the broker’s certificate is told', async () => {
      const { certificate: ca } = await createCertificateAuthority('Somebody else');
      const { sentence, afterMs } = await faultOf({ sasl: signIn('plain'), ssl: { ca } });
      expect(sentence).toBe(
        `Kafka's certificate is not accepted (${address()}: Connection error: unable to verify the first certificate): the certificate authority that is configured must be that of the brokers.`,
      );
      expect(afterMs).toBeLessThan(9000); // and not only when the patience is at its end
    });

    // At once, since each tries for as long as it takes to be sure.
    test('no sign-in where one is needed is told, and no TLS, and TLS where there is none', async () => {
      const open = await sharedKafka();
      const [noSignIn, noTls, needlessTls] = await Promise.all([
        faultOf({}),
        faultOf({ ssl: false, sasl: signIn('plain') }),
        faultOf({ brokers: open.brokers }),
      ]);
      expect(noSignIn.sentence).toBe(
        `No Kafka broker can be used at ${address()} (${address()}: Closed connection; a broker that expects a sign-in does so).`,
      );
      expect(noTls.sentence).toBe(
        `No Kafka broker can be used at ${address()} (${address()}: Closed connection; a broker that expects TLS does so).`,
      );
      expect(needlessTls.sentence).toMatch(/; what answers there does not speak TLS\)\.$/);
      for (const { afterMs } of [noSignIn, noTls]) expect(afterMs).toBeLessThan(20_000);
    }, 60_000);

    test('with the rights that docs/kafka.md names, each role can do what it must, and no more', async () => {
      const [events, direct, settings] = ['events', 'direct', 'settings'].map((name) => `${name}.${randomUUID()}`) as [
        string,
        string,
        string,
      ];
      const ofEvents = [events, direct].map((name) => ({ name, partitions: 2 }));
      const topics = [...ofEvents, { name: settings, partitions: 1, compacted: true }];
      const group = `wayline.${randomUUID()}`;
      await open({ sasl: signIn('plain'), topics });
      const { READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS } = AclOperationTypes;
      await allow('ingest', AclResourceTypes.TOPIC, { name: events, operations: [WRITE, DESCRIBE, DESCRIBE_CONFIGS] });
      await allow('ingest', AclResourceTypes.TOPIC, { name: direct, operations: [DESCRIBE, DESCRIBE_CONFIGS] });
      for (const user of ['ingest', 'worker']) {
        await allow(user, AclResourceTypes.TOPIC, { name: settings, operations: [READ, DESCRIBE, DESCRIBE_CONFIGS] });
      }
      await allow('worker', AclResourceTypes.TOPIC, { name: settings, operations: [WRITE] });
      for (const { name } of ofEvents) {
        await allow('worker', AclResourceTypes.TOPIC, { name, operations: [READ, DESCRIBE, DESCRIBE_CONFIGS] });
      }
      await allow('worker', AclResourceTypes.GROUP, { name: group, operations: [READ, DESCRIBE] });
      await allow('payments', AclResourceTypes.TOPIC, { name: direct, operations: [WRITE, DESCRIBE] });
      const as = (username: keyof typeof USERS) => ({
        sasl: { mechanism: 'plain' as const, username, password: USERS[username] },
        topics,
      });

      const [ingest, worker] = [await open(as('ingest')), await open(as('worker'))];
      await ingest.append(events, numbered(5));
      const refused = {
        name: 'LogUnavailableError',
        message: expect.stringMatching(/^Kafka refused it: Not authorized/),
      };
      await expect(ingest.append(direct, numbered(1))).rejects.toMatchObject(refused);
      await expect(worker.append(events, numbered(1))).rejects.toMatchObject(refused);
      await worker.append(settings, numbered(1));
      await expect(ingest.append(settings, numbered(1))).rejects.toMatchObject(refused);
      const followed: string[] = [];
      await ingest.follow({ topic: settings, onRecord: ({ value }) => void followed.push(String(value)) }).caughtUp;
      expect(followed).toEqual(['0']);
      const reader = await startReader(worker, { topic: events, topics: [events, direct], group });
      await reader.until('all', () => reader.values().length === 5);
      await worker.publishPosition(group, [{ topic: events, partition: 0, offset: 1 }]);
      await reader.consumer.close();
      expect(told.filter((sentence) => !sentence.startsWith('Kafka refuses records'))).toEqual([]);

      const producer = new Kafka({
        brokers: [...kafka.brokers],
        ssl: ssl(),
        ...as('payments'),
        logLevel: NOTHING,
      }).producer();
      await producer.connect();
      closers.push(() => producer.disconnect());
      await producer.send({ topic: direct, messages: [{ value: 'straight' }] });
      await expect(producer.send({ topic: events, messages: [{ value: 'straight' }] })).rejects.toThrow(
        /Not authorized/,
      );
    });

    test('a group that this user may not join: the consumer ends, with the reason', async () => {
      const topic = `security.${randomUUID()}`;
      await open({ sasl: signIn('plain') }, topic);
      const { READ, DESCRIBE, DESCRIBE_CONFIGS } = AclOperationTypes;
      await allow('worker', AclResourceTypes.TOPIC, { name: topic, operations: [READ, DESCRIBE, DESCRIBE_CONFIGS] });
      const worker = await open({ sasl: { mechanism: 'plain', username: 'worker', password: USERS.worker } }, topic);
      const reader = await startReader(worker, { topic });
      await expect(reader.consumer.ended).rejects.toThrow(/Not authorized to access group/);
      expect(told.at(-1)).toMatch(/^The consumer of .* ended for good \(.*Not authorized to access group/);
    }, 30_000);

    test('a consumer that kafkajs gives up is made anew, and goes on where it was once it may read again', async () => {
      const topic = `security.${randomUUID()}`;
      const owner = await open({ sasl: signIn('plain') }, topic);
      const group = `wayline.${randomUUID()}`;
      const { READ, DESCRIBE, DESCRIBE_CONFIGS } = AclOperationTypes;
      const readable = () => allow('worker', AclResourceTypes.TOPIC, { name: topic, operations: [READ] });
      await allow('worker', AclResourceTypes.TOPIC, { name: topic, operations: [DESCRIBE, DESCRIBE_CONFIGS] });
      await allow('worker', AclResourceTypes.GROUP, { name: group, operations: [READ, DESCRIBE] });
      await readable();
      const worker = await open({ sasl: { mechanism: 'plain', username: 'worker', password: USERS.worker } }, topic);
      const next = [0, 0];
      const reader = await startReader(worker, {
        topic,
        group,
        begin: async ({ partition }) => ({ offset: next[partition] as number }),
        async handle(batch) {
          next[batch.partition] = batch.nextOffset;
          return batch.nextOffset;
        },
      });
      await owner.append(topic, numbered(10));
      await reader.until('the first', () => reader.values().length === 10);
      await forbid(topic, READ);
      await reader.until('the end of a consumer', () =>
        /ended \(Not authorized.*it is made anew/.test(told.at(-1) ?? ''),
      );
      await readable();
      await owner.append(topic, numbered(10, { from: 10 }));
      await reader.until('the rest', () => reader.values().length === 20);
      expect(reader.values()).toEqual(numbers(20));

      await forbid(topic, READ); // and now for good
      await expect(reader.consumer.ended).rejects.toThrow(/Not authorized to access topics/);
      expect(told.at(-1)).toMatch(/^The consumer of .* ended for good \(Not authorized/);
      expect(reader.consumer.assigned()).toEqual([]);
    }, 60_000);

    test('a topic that this user may neither see nor make is told', async () => {
      const sasl = { mechanism: 'plain' as const, username: 'ingest', password: USERS.ingest };
      const { sentence } = await faultOf({ sasl });
      expect(sentence).toMatch(
        /^Kafka topic security\.[^ ]+ can neither be seen nor made: the right to Describe it, or to Create it where it does not exist, is missing\.$/,
      );
    });

    test('where clients must show a certificate, the log works with one, and without it the reason is told', async () => {
      const tls = {
        broker: await authority.issue('kafka'),
        authority: authority.certificate,
        client: await authority.issue('wayline'),
      };
      const strict = await startKafka({ security: { tls } });
      closers.push(() => strict.close());
      const { brokers } = strict;
      const { certificate: cert, key } = tls.client;
      await expectToWork({ brokers, ssl: { ca: authority.certificate, cert, key } });
      const { sentence, afterMs } = await faultOf({ brokers });
      expect(sentence).toMatch(
        /^No Kafka broker can be used at [^ ]+ \([^ ]+: TLS failed: .*certificate.*; the broker wants a certificate of this client, issued by its authority\)\.$/,
      );
      expect(afterMs).toBeLessThan(20_000);
    }, 60_000);
  },
  { asProcess: true },
);
