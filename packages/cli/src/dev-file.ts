import { readFile } from 'node:fs/promises';
import { writePrivateFile } from './private-file.ts';

/** What `wayline all` leaves in its data folder for the commands that talk to it. */
export interface DevFile {
  url: string;
  dashboardUrl: string;
  /** Slug of the project that key and token belong to. */
  project: string;
  /** Allows import. */
  writeKey: string;
  /** Has all scopes. */
  token: string;
}

const FIELDS = ['url', 'dashboardUrl', 'project', 'writeKey', 'token'] as const;

export async function writeDevFile(file: string, content: DevFile): Promise<void> {
  await writePrivateFile(file, `${JSON.stringify(content, null, 2)}\n`, { replace: true });
}

/** Undefined if there is none, or it is not readable as one. */
export async function readDevFile(file: string): Promise<DevFile | undefined> {
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as Partial<DevFile> | null;
    return FIELDS.every((field) => typeof content?.[field] === 'string') ? (content as DevFile) : undefined;
  } catch {
    return undefined;
  }
}
