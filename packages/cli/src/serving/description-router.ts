import { describeApi, type Role } from '@wayline/contracts/api';
import { sendText, servesOnly } from '@wayline/http';
import { Router } from 'express';
import { createDocsPage } from './docs-page.ts';

export interface DescriptionOptions {
  /** Those of the process: it describes what it serves. */
  roles: readonly Role[];
  /** Of the program. */
  version: string;
  /** Epoch ms. */
  now?: () => number;
}

/** For so long one text is given to all; the times in its examples are to be young enough to be written. */
const KEPT_MS = 3_600_000;

/** `/openapi.json`, and the page to try it: open to all. */
export function createDescriptionRouter({ roles, version, now = Date.now }: DescriptionOptions): Router {
  let kept = { text: '', untilMs: 0 };
  const router = Router({ caseSensitive: true });
  router
    .route('/openapi.json')
    .get((_request, response) => {
      const nowMs = now();
      if (nowMs >= kept.untilMs) {
        kept = { text: JSON.stringify(describeApi({ roles, version, nowMs })), untilMs: nowMs + KEPT_MS };
      }
      sendText(response, 200, kept.text, [
        ...['Content-Type', 'application/json'],
        // For pages of others that show descriptions: there is nothing in it that is not for all.
        ...['Access-Control-Allow-Origin', '*'],
        ...['Cache-Control', 'no-cache'],
      ]);
    })
    .all(servesOnly('GET', 'HEAD'));
  router.use(createDocsPage());
  return router;
}
