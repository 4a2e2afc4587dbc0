import { join } from 'node:path';

/** The folder of the built app. */
export const dashboardFolder = join(import.meta.dirname, 'dist');

/** To be sent with each of its files: they load nothing from elsewhere, run nothing inline, and talk to their origin only. */
export const dashboardHeaders = Object.freeze({
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
});
