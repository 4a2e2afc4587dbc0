import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  Closers,
  createCertificateAuthority,
  describeWithKafka,
  freePort,
  type KafkaCluster,
  runWayline,
  startKafka,
  startWayline,
} from '@wayline/testkit';

/** KAFKA_SSL_*, KAFKA_SASL_*: a broker that wants TLS, a client certificate, and a sign-in. */
await describeWithKafka(
  'wayline against a Kafka with sign-in and TLS',
  () => {
    const closers = new Closers();
    let kafka: KafkaCluster;
    let env: Record<string, string>;
    beforeAll(async () => {
      const folder = await closers.folder('test');
      const authority = await createCertificateAuthority('The authority of a test');
      const client = await authority.issue('wayline');
      const tls = { broker: await authority.issue('kafka'), authority: authority.certificate, client };
      kafka = await startKafka({ security: { users: { wayline: 'correct horse' }, tls } });
      closers.add(() => kafka.close());
      const files = { 'ca.pem': authority.certificate, 'client.pem': client.certificate, 'client.key': client.key };
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      env = {
        WAYLINE_SECRET_FILE: join(folder, 'secrets.json'),
        HOST: '127.0.0.1',
        PORT: String(await freePort()),
        KAFKA_BROKERS: kafka.brokers.join(','),
        KAFKA_SSL: 'true',
        KAFKA_SSL_CA_FILE: join(folder, 'ca.pem'),
        KAFKA_SSL_CERT_FILE: join(folder, 'client.pem'),
        KAFKA_SSL_KEY_FILE: join(folder, 'client.key'),
        KAFKA_SASL_MECHANISM: 'scram-sha-512',
        KAFKA_SASL_USERNAME: 'wayline',
        KAFKA_SASL_PASSWORD: 'correct horse',
      };
      const { code } = await runWayline(['admin', 'create-secret', join(folder, 'secrets.json')], { env });
      expect(code).toBe(0);
    }, 120_000);
    afterAll(() => closers.closeAll(), 60_000);

    test('ingest makes its topics and is ready; what is odd about them is told, also where only warnings are', async () => {
      const ready = async (more: Record<string, string>) => {
        const ingest = startWayline(['ingest'], { env: { ...env, ...more } });
        await ingest.waitForHttp(`http://127.0.0.1:${env.PORT}/readyz`);
        expect(await ingest.end()).toEqual({ code: 0, signal: null });
        return ingest.stderr.filter((line) => line.includes('wayline.events'));
      };
      expect((await ready({})).filter((line) => JSON.parse(line).level > 30)).toEqual([]);
      const told = await ready({ LOG_LEVEL: 'warn', KAFKA_REPLICATION: '2', WAYLINE_LONGEST_OUTAGE_HOURS: '1000' });
      expect(told.map((line) => JSON.parse(line).msg)).toEqual([
        'Kafka topic wayline.events has 1 replica, but 2 are configured.',
        'Kafka topic wayline.events keeps records for 168 hours (retention.ms=604800000): they are lost when the database is away for the 1000 hours that it may be.',
      ]);
    }, 60_000);

    test.each([
      ['KAFKA_SASL_PASSWORD', 'wrong', /^wayline: Kafka does not accept the sign-in of wayline by SCRAM-SHA-512 \(/],
      [
        'KAFKA_SSL_KEY_FILE',
        '/nowhere/client.key',
        /^wayline: KAFKA_SSL_KEY_FILE \/nowhere\/client\.key cannot be read: /,
      ],
    ])(
      'with %s=%s it ends with one sentence',
      async (name, value, sentence) => {
        const { code, stderr } = await runWayline(['ingest'], { env: { ...env, LOG_LEVEL: 'warn', [name]: value } });
        expect(code).not.toBe(0);
        expect(stderr.split('\n')).toEqual([expect.stringMatching(sentence)]);
      },
      60_000,
    );
  },
  { asProcess: true },
);
