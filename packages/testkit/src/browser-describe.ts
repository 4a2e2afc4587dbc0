import { existsSync } from 'node:fs';

type Describe = ((name: string, body: () => void) => void) & { skip(name: string, body: () => void): void };

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** What a Chromium is started with for a test: as root, without a screen, and without looking for anything on the net. */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of a Chromium: WAYLINE_TEST_CHROMIUM, else where systems put it; undefined where there is none. */
function findChromium(): string | undefined {
  return [process.env.WAYLINE_TEST_CHROMIUM, ...PLACES].find((path) => path && existsSync(path));
}

/**
 * `describe` for suites in a real browser; the body is given its path. Where there is no Chromium the suite is skipped,
 * with a line that says so; with CI=true it fails instead.
 */
export function describeWithChromium(name: string, body: (chromium: string) => void): void {
  const chromium = findChromium();
  // Jest gives `describe` to the modules of a test file only; importing it would tie testkit to Jest.
  const describe = (globalThis as unknown as { describe: Describe }).describe;
  const reason = 'there is no Chromium; install it, or say in WAYLINE_TEST_CHROMIUM where it is';
  if (chromium) {
    describe(name, () => body(chromium));
  } else if (process.env.CI === 'true') {
    throw new Error(`Browser suite "${name}" cannot run, and CI=true: ${reason}`);
  } else {
    process.stderr.write(`SKIPPED: browser suite "${name}": ${reason}\n`);
    describe.skip(name, () => body(''));
  }
}
