import type { Pool } from '@wayline/store';
import type { RequestHandler } from 'express';
import { userExportDoor } from '../user-data/export-lines.ts';
import { machineExportDoor, projectExportDoor, sessionExportDoor, traceDoor } from './export-doors.ts';
import { createExportSlots } from './export-slots.ts';
import { type Streaming, streamHandler } from './stream-handler.ts';

export interface ExportLimits {
  /** Of ranges, machines and users at once in this process, and of sessions as many again. Default: a quarter of the pool each. */
  atOnce?: number | undefined;
}

const LINES = ['format', 'formulas'];

/** Every address that answers at any length, and what serves it. */
export function exportRoutes(
  streaming: Streaming & { pool: Pool },
  { atOnce = Math.max(1, Math.floor(streaming.pool.options.max / 4)) }: ExportLimits,
): [string, RequestHandler<{ id?: string }>][] {
  const long = createExportSlots(atOnce);
  // Apart, so that a session is to be had while long ones run; unless that would leave nothing of a small pool.
  const short = 2 * atOnce < streaming.pool.options.max ? createExportSlots(atOnce) : long;
  return [
    ['/v1/sessions/:id/trace', streamHandler(streaming, { parameters: ['format'], door: traceDoor, enter: short })],
    [
      '/v1/sessions/:id/export',
      streamHandler(streaming, { parameters: ['type', ...LINES], door: sessionExportDoor, enter: short }),
    ],
    [
      '/v1/machines/:id/export',
      streamHandler(streaming, { parameters: ['from', 'to', ...LINES], door: machineExportDoor, enter: long }),
    ],
    [
      '/v1/export',
      streamHandler(streaming, { parameters: ['from', 'to', 'type', ...LINES], door: projectExportDoor, enter: long }),
    ],
    [
      '/v1/users/:id/export',
      streamHandler(streaming, { parameters: [], door: userExportDoor, enter: long, scope: 'admin' }),
    ],
  ];
}
