/**
 * The walls between the packages: an import may only point down the table of docs/architecture.md. Errors only: a rule
 * that may be broken is none. Which npm packages a package may import is said by its package.json, and held by knip.
 */

/** Of our own packages, what each may import. Whole packages, or the path of one of their folders. */
const MAY_IMPORT = {
  contracts: [],
  'postgres-server': [],
  'event-log': ['contracts'],
  store: ['contracts'],
  identity: ['store', 'contracts'],
  settings: ['event-log', 'contracts'],
  http: ['identity/src/verify', 'contracts'],
  ingest: ['settings', 'http', 'event-log', 'identity/src/verify', 'contracts'],
  worker: ['settings', 'event-log', 'store', 'identity/src/verify', 'contracts'],
  query: ['http', 'store', 'event-log', 'identity', 'contracts', 'dashboard/files.js'],
  dashboard: ['contracts'],
  testkit: ['postgres-server', 'contracts'],
  bench: ['testkit', 'postgres-server', 'event-log', 'contracts'],
  faults: ['testkit', 'postgres-server', 'contracts'],
  fuzz: ['testkit', 'worker', 'store', 'identity/src/verify', 'event-log', 'postgres-server', 'contracts'],
  cli: [
    'settings',
    'ingest',
    'worker',
    'query',
    'http',
    'identity',
    'store',
    'event-log',
    'contracts',
    'postgres-server',
  ],
};

const PRODUCT = Object.keys(MAY_IMPORT).filter((name) => !['testkit', 'bench', 'faults', 'fuzz'].includes(name));

/** Of our own packages, those that a package's package.json names. */
function declared(name) {
  const { dependencies = {} } = require(`./packages/${name}/package.json`);
  return Object.keys(dependencies).flatMap((dependency) => /^@wayline\/(.+)/.exec(dependency)?.[1] ?? []);
}

const declarations = Object.keys(MAY_IMPORT).map((name) => ({
  name: `${name}-declares`,
  comment: 'What is imported stands in package.json: knip checks it for the packages of others, this for our own.',
  severity: 'error',
  from: { path: `^packages/${name}/src/` },
  to: { path: '^packages/', pathNot: [name, ...declared(name)].map((other) => `^packages/${other}/`) },
}));

const walls = Object.entries(MAY_IMPORT).map(([name, allowed]) => ({
  name: `${name}-may-import`,
  comment: `${name} may import of our own packages: ${allowed.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: `^packages/${name}/`, pathNot: `^packages/${name}/test/` },
  to: { path: '^packages/', pathNot: [name, ...allowed].map((path) => `^packages/${path}(/|$)`) },
}));

module.exports = {
  forbidden: [
    ...walls,
    ...declarations,
    {
      name: 'every-package-has-walls',
      comment: 'A new package gets a line in MAY_IMPORT above.',
      severity: 'error',
      from: { path: '^packages/', pathNot: Object.keys(MAY_IMPORT).map((name) => `^packages/${name}/`) },
      to: {},
    },
    {
      name: 'product-needs-no-tests',
      comment: 'testkit, and what lies in a test folder, is for tests only.',
      severity: 'error',
      from: { path: `^packages/(${PRODUCT.join('|')})/`, pathNot: '^packages/[^/]+/test/' },
      to: { path: '^packages/(testkit|[^/]+/test)/' },
    },
    {
      name: 'only-by-the-front-door',
      comment:
        "Another package's files are reached by the entries of its package.json only; tests may share their tools.",
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/($1|[^/]+/test)/', dependencyTypes: ['local'] },
    },
    {
      name: 'verify-is-stateless',
      comment: 'identity/verify is checked without I/O, and goes where the database must not.',
      severity: 'error',
      from: { path: '^packages/identity/src/verify/' },
      to: { path: '^packages/', pathNot: '^packages/(identity/src/verify|contracts)/' },
    },
    {
      name: 'verify-without-io',
      severity: 'error',
      from: { path: '^packages/identity/src/verify/' },
      to: { path: '^(node:)?(fs|fs/promises|net|tls|http|https|http2|dns|child_process)$', dependencyTypes: ['core'] },
    },
    {
      name: 'contracts-run-in-a-browser',
      severity: 'error',
      from: { path: '^packages/contracts/src/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'ingest-without-postgresql',
      comment: 'The request path never touches PostgreSQL, not even through another package.',
      severity: 'error',
      from: { path: '^packages/ingest/src/' },
      to: { path: '(^|/)node_modules/(pg|pg-[^/]+|node-pg-migrate)/|^packages/store/', reachable: true },
    },
    {
      name: 'worker-without-express',
      severity: 'error',
      from: { path: '^packages/worker/src/' },
      to: { path: '(^|/)node_modules/express/|^packages/http/', reachable: true },
    },
    {
      name: 'sql-lives-in-store',
      comment: 'Of the product, only store talks to PostgreSQL; postgres-server starts one.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: '^packages/(store|postgres-server|testkit|bench)/' },
      to: { path: '(^|/)node_modules/(pg|pg-[^/]+|node-pg-migrate)/' },
    },
    {
      name: 'kafkajs-behind-the-port',
      comment:
        'Of the product, only the adapter uses kafkajs; its inner files are also for the tests that hold ours against them.',
      severity: 'error',
      from: {
        path: '^packages/[^/]+/src/',
        pathNot: '^packages/(event-log/src/kafka|testkit/src|bench/src|faults/src)/',
      },
      to: { path: '(^|/)node_modules/kafkajs/' },
    },
    {
      name: 'inner-kafkajs-in-the-adapter',
      severity: 'error',
      from: { pathNot: '^packages/event-log/(src/kafka|test)/' },
      to: { path: '(^|/)node_modules/kafkajs/src/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    // JSX is more than this parser reads: the dashboard's wall is a rule of oxlint (no-restricted-imports).
    exclude: { path: '(^|/)(dist|coverage)/|\\.d\\.ts$|\\.tsx$' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['wayline-source', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
