// Builds the app into dist/, unless dist/ was built from just these sources: every `npm install` and `npm test` asks.
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const stamp = join(root, 'dist', '.built');

async function fingerprint() {
  const hash = createHash('sha256');
  const files = ['index.html', 'package.json', 'vite.config.js', 'tsconfig.json'];
  for (const folder of ['src', 'public']) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    files.push(...entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)));
  }
  for (const file of files.map((name) => (name.startsWith(root) ? name : join(root, name))).sort()) {
    hash.update(file.slice(root.length)).update(await readFile(file));
  }
  return hash.digest('hex');
}

const now = await fingerprint();
if (now !== (await readFile(stamp, 'utf8').catch(() => ''))) {
  const { build } = await import('vite');
  await build({ root });
  await writeFile(stamp, now);
}
