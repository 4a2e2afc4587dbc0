import { request } from 'node:http';
import { forgetPeak, peakRssMb } from '../measure/process-usage.ts';

export interface AskedExport {
  status: number;
  events: number;
  seconds: number;
  /** The most that was resident in the process that answers meanwhile. */
  rssMb: number | undefined;
}

const LINE_END = 10;

/** Reads a stream of lines as fast as it comes. */
export async function askExport(
  { url, token, pid }: { url: string; token: string; pid: number },
  path: string,
): Promise<AskedExport> {
  forgetPeak(pid);
  const begun = performance.now();
  const { status, events } = await new Promise<{ status: number; events: number }>((resolve, reject) => {
    const asked = request(url + path, { headers: { authorization: `Bearer ${token}` } }, (response) => {
      let events = 0;
      response.on('data', (chunk: Buffer) => {
        for (let at = chunk.indexOf(LINE_END); at >= 0; at = chunk.indexOf(LINE_END, at + 1)) events++;
      });
      // One that breaks off must not look whole.
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, events }));
    });
    asked.on('error', reject).end();
  });
  return { status, events, seconds: (performance.now() - begun) / 1000, rssMb: peakRssMb(pid) };
}
