import { randomUUID } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';

/**
 * Writes a file that only its owner may read, whole or not at all: it is flushed under another name beside its place
 * first. Where `replace` is false, an existing file stays as it is, and the answer is false.
 */
export async function writePrivateFile(
  file: string,
  content: string,
  { replace }: { replace: boolean },
): Promise<boolean> {
  const draft = `${file}.${randomUUID()}.tmp`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (replace) {
    await rename(draft, file);
    return true;
  }
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}
