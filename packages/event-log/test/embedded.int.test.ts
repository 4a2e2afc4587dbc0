import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventLogContract } from '../src/contract-suite/index.ts';
import { createEmbeddedLog } from '../src/embedded/index.ts';

eventLogContract('embedded', {
  async open(options) {
    const folder = await mkdtemp(join(tmpdir(), 'wayline-log-'));
    const reopen = () => createEmbeddedLog({ folder, ...options });
    return {
      log: await reopen(),
      reopen,
      openOther: () => createEmbeddedLog({ folder: join(folder, 'other'), ...options }),
      dispose: () => rm(folder, { recursive: true }),
    };
  },
});
