// Tests run on the TypeScript sources (the export condition `wayline-source`), so that only the tests that start
// the program itself (*.e2e.test.ts) need a build; `npm test` makes one first.
export default {
  testMatch: ['<rootDir>/packages/*/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['wayline-source', 'node'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/packages/[^/]+/dist/'],
  testTimeout: 60_000,
  testSequencer: '<rootDir>/jest.sequencer.js',
  // One more than the cores that tests are run on at least: they wait for other processes half of the time.
  maxWorkers: 3,
};
