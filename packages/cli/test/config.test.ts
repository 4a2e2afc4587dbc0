import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { configurationPage } from '../src/config/markdown.ts';
import { VARIABLES } from '../src/config/variables.ts';
import { type Environment, loadConfig, unknownVariables } from '../src/config.ts';

const SERVING = {
  DATABASE_URL: 'postgres://w@db/w',
  KAFKA_BROKERS: 'a:9092',
  WAYLINE_SECRET_FILE: '/run/secrets.json',
};

/** The sentences with which a configuration is refused. */
function refusal(environment: Environment, role: 'all' | 'worker' = 'all'): string {
  try {
    loadConfig(role, environment);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

describe('configuration', () => {
  test('needs nothing for `all`, and everything has its default', () => {
    const config = loadConfig('all', {});
    expect(config).toMatchObject({ port: 4000, host: '127.0.0.1', dataDir: '.wayline', logLevel: 'warn' });
    expect(config).toMatchObject({ kafkaPartitions: 12, batchRows: 7000, lingerMs: 10, group: 'wayline' });
    expect(config.databaseUrl).toBeUndefined();
  });

  test('listens on every address, and logs more, where a role runs by itself', () => {
    expect(loadConfig('worker', SERVING)).toMatchObject({ host: '0.0.0.0', logLevel: 'info' });
  });

  test('is frozen', () => {
    expect(Object.isFrozen(loadConfig('all', {}))).toBe(true);
  });

  test('takes an empty value for an absent one, as compose files write it', () => {
    expect(loadConfig('all', { PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 4000, databaseUrl: undefined });
  });

  test('says of a role what it cannot do without, a sentence each', () => {
    const sentences = refusal({}, 'worker').split('\n');
    expect(sentences.map((sentence) => sentence.split(' ')[0])).toEqual([
      'WAYLINE_SECRET_FILE',
      'DATABASE_URL',
      'KAFKA_BROKERS',
    ]);
  });

  test('ignores a variable that the role does not heed', () => {
    expect(loadConfig('import', { PORT: 'nonsense' }).port).toBe(4000);
  });

  test.each([
    ['PORT', '65536', 'PORT must be a whole number from 0 to 65535.'],
    ['PORT', '80.5', 'PORT must be a whole number from 0 to 65535.'],
    ['PORT', '-1', 'PORT must be a whole number from 0 to 65535.'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent.'],
    ['DATABASE_URL', 'mysql://x', 'DATABASE_URL must be an address of the form postgres://… or postgresql://….'],
    ['DATABASE_URL', 'localhost', 'DATABASE_URL must be an address of the form postgres://… or postgresql://….'],
    ['KAFKA_SSL', 'maybe', 'KAFKA_SSL must be true or false.'],
    ['WAYLINE_LINGER_MS', '51', 'WAYLINE_LINGER_MS must be a whole number from 0 to 50.'],
    ['KAFKA_SSL_CA_FILE', '/ca.pem', 'KAFKA_SSL_CA_FILE needs KAFKA_SSL=true.'],
    ['KAFKA_SSL_KEY_FILE', '/key.pem', 'KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE must be given together.'],
    ['WAYLINE_LONGEST_OUTAGE_HOURS', '0', 'WAYLINE_LONGEST_OUTAGE_HOURS must be a whole number from 1 to 8760.'],
  ])('refuses %s=%s with one sentence', (name, value, sentence) => {
    expect(refusal({ [name]: value })).toBe(sentence);
  });

  test('never shows a value, which may hold a password', () => {
    expect(refusal({ DATABASE_URL: 'mysql://u:hunter2@db/w' })).not.toContain('hunter2');
  });

  test('takes lists of brokers, with names, addresses and IPv6, and refuses what is none', () => {
    expect(loadConfig('all', { KAFKA_BROKERS: 'a:9092, 10.0.0.1:9093,[::1]:9092' }).kafkaBrokers).toEqual([
      'a:9092',
      '10.0.0.1:9093',
      '[::1]:9092',
    ]);
    for (const wrong of ['a', 'a:', 'a:0', 'a:65536', 'http://a:9092', 'a:9092,,b:9092', '::1:9092']) {
      expect([wrong, refusal({ KAFKA_BROKERS: wrong })]).toEqual([wrong, expect.stringMatching(/^KAFKA_BROKERS must/)]);
    }
  });

  test('wants the three parts of a sign-in to Kafka together', () => {
    const part = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' };
    expect(refusal(part)).toMatch(/must be given together/);
    expect(refusal({ ...part, KAFKA_SASL_PASSWORD: 'p' })).toBe('accepted');
  });
});

describe('variables that are not ours', () => {
  test('are warned of with the nearest name', () => {
    expect(unknownVariables({ WAYLINE_DATADIR: 'x' })).toEqual([
      'WAYLINE_DATADIR is not a variable of Wayline; did you mean WAYLINE_DATA_DIR?',
    ]);
    expect(unknownVariables({ KAFKA_BROKER: 'x' })).toEqual([
      'KAFKA_BROKER is not a variable of Wayline; did you mean KAFKA_BROKERS?',
    ]);
    expect(unknownVariables({ WAYLINE_SOMETHING_ELSE: 'x' })).toEqual([
      'WAYLINE_SOMETHING_ELSE is not a variable of Wayline.',
    ]);
  });

  test('are left alone where they are of others: Kubernetes, and programs near Kafka', () => {
    const others = { WAYLINE_QUERY_PORT: 'tcp://10.0.0.1:4000', WAYLINE_QUERY_SERVICE_HOST: '10.0.0.1' };
    expect(unknownVariables({ ...others, KAFKA_HEAP_OPTS: '-Xmx1g', PATH: '/bin', PORT: '1' })).toEqual([]);
  });
});

describe('docs/configuration.md', () => {
  test('is what the table says: run `npm run configuration -w packages/cli` after a change', () => {
    const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    expect(page).toBe(configurationPage());
    for (const { name } of Object.values(VARIABLES)) expect(page).toContain(`\`${name}\``);
  });
});
