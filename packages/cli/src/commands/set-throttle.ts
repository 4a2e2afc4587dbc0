import type { ThrottlePatch } from '@wayline/store';
import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';
import { withPool } from '../store-access.ts';
import type { Answer } from './admin.ts';

/** Options as they were given: texts, of which `none` takes the setting away. */
export interface ThrottleOptions {
  rowsPerSecond?: string;
  transactions?: string;
  batchRows?: string;
  lingerMs?: string;
  adaptive?: string;
}

/** The bounds are those of the variables that configure a worker. */
const NUMBERS = [
  { option: 'rowsPerSecond', flag: '--rows-per-second', setting: 'rowsPerSecond', min: 1, max: 10_000_000 },
  { option: 'transactions', flag: '--transactions', setting: 'concurrency', min: 1, max: 64 },
  { option: 'batchRows', flag: '--batch-rows', setting: 'maxRows', min: 1, max: 100_000 },
  { option: 'lingerMs', flag: '--linger-ms', setting: 'lingerMs', min: 0, max: 50 },
] as const;

/** Changes what is named, and answers with all that is set; running workers follow within a few seconds. */
export async function setThrottleCommand(config: Config<'admin'>, options: ThrottleOptions): Promise<Answer> {
  const { changeThrottle, readThrottle } = await import('@wayline/store');
  const patch = patchOf(options);
  const { group } = config;
  return withPool(config, async (pool) => {
    const changed = Object.keys(patch).length > 0;
    const set = changed ? await changeThrottle(pool, group, patch) : await readThrottle(pool, group);
    const shown = {
      ...Object.fromEntries(NUMBERS.map(({ option, setting }) => [option, set[setting] ?? null])),
      adaptive: set.adaptive ?? null,
    };
    const lines = Object.entries(shown).map(([name, value]) => `  ${name}: ${value ?? 'as configured'}`);
    const head = changed ? `Set; the workers of ${group} follow within a few seconds.` : `For the workers of ${group}:`;
    return { fields: { group, ...shown }, text: [head, ...lines].join('\n') };
  });
}

function patchOf(options: ThrottleOptions): ThrottlePatch {
  const patch: ThrottlePatch = {};
  for (const { option, flag, setting, min, max } of NUMBERS) {
    const given = options[option];
    if (given === undefined) continue;
    const value = Number(given);
    if (given !== 'none' && !(/^\d+$/.test(given) && value >= min && value <= max)) {
      throw new UsageError(`${flag} must be a whole number from ${min} to ${max}, or none; not ${given}.`);
    }
    patch[setting] = given === 'none' ? null : value;
  }
  const { adaptive } = options;
  if (adaptive !== undefined) {
    if (!['on', 'off', 'none'].includes(adaptive)) throw new UsageError(`--adaptive must be on, off or none.`);
    patch.adaptive = adaptive === 'none' ? null : adaptive === 'on';
  }
  return patch;
}
