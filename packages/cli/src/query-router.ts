import type { EventLog } from '@wayline/event-log';
import type { Verifier } from '@wayline/identity/verify';
import { createQueryRouter } from '@wayline/query';
import { findReaderRole } from '@wayline/store';
import type { Router } from 'express';
import type { Pool } from './compose.ts';
import type { Service } from './service.ts';

/** The trace API of a process, reading under the role that may only read, where the database has it. */
export async function openQueryRouter(
  { config, logger, lifecycle }: Service,
  { pool, log, verifier }: { pool: Pool; log: EventLog; verifier: Verifier },
): Promise<Router> {
  const { group, pastDays, retentionDays } = config;
  const readerRole = await findReaderRole(pool, logger);
  const stopping = lifecycle.signal;
  return createQueryRouter({ pool, log, group, verifier, logger, pastDays, retentionDays, readerRole, stopping });
}
