import { ApiError } from './api.ts';

/**
 * Saves what the API answers under the name that it gives: a link could not carry the token.
 * @throws ApiError
 */
export async function saveAnswer(path: string, token: string): Promise<void> {
  let blob: Blob;
  let name: string;
  try {
    const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` }, cache: 'no-store' });
    if (!response.ok) {
      const problem = (await response.json().catch(() => ({}))) as { detail?: string };
      throw new ApiError(response.status, problem.detail ?? `The server answered ${response.status}.`);
    }
    name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'wayline-export';
    blob = await response.blob();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, 'The export broke off; try again.');
  }
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
