import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** The blocks of a language in a page of the repository (`docs/doors.md`), as they are printed, in order. */
export async function documentedBlocks(page: string, language = 'sh'): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8');
  const fenced = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms');
  return [...text.matchAll(fenced)].map(([, block]) => block as string);
}
