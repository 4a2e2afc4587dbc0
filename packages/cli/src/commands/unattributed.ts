import { deadLetterDetails, deadLetterSummary } from '@wayline/query';
import { listDeadLetters, readDeadLetter, readOnly } from '@wayline/store';
import type { Config } from '../config.ts';
import {
  type DeadLetterJson,
  deadLetterLine,
  deadLetterText,
  type ShownJson,
} from '../dead-letters/dead-letter-text.ts';
import { UsageError } from '../errors.ts';
import { withPool } from '../store-access.ts';
import type { Answer } from './admin.ts';

/** Where the project cannot be told, so that no token of a project may see it. */
const NOBODY = 0;
const NEWEST = 100;
const TIMEOUT = { statementTimeoutMs: 30_000 };

/** Dead letters whose project cannot be told: the newest, or one with its bytes. Straight from the database. */
export async function unattributedCommand(config: Config<'admin'>, id: string | undefined): Promise<Answer> {
  return withPool(config, (pool) =>
    readOnly(pool, TIMEOUT, async (reader) => {
      if (id === undefined) {
        const found = await listDeadLetters(reader, { filter: { projectId: NOBODY }, limit: NEWEST });
        const deadLetters = found.map(deadLetterSummary) as DeadLetterJson[];
        return { fields: { deadLetters }, text: deadLetters.map(deadLetterLine).join('\n') || 'There are none.' };
      }
      const letter = /^[1-9]\d{0,14}$/.test(id) ? await readDeadLetter(reader, NOBODY, Number(id)) : undefined;
      if (!letter) throw new UsageError(`There is no dead letter ${id} whose project cannot be told.`);
      const shown = deadLetterDetails(letter) as ShownJson;
      return { fields: { ...shown }, text: deadLetterText(shown) };
    }),
  );
}
