import { LogSetupError } from '../event-log.ts';
import type { ConnectionSettings } from './options.ts';
import { reasonOf } from './within.ts';

/** Node's codes for a certificate that does not stand the check; those of OpenSSL, and one of its own. */
const CERTIFICATE_FAULTS = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const isSignInFault = (error: unknown): boolean =>
  error instanceof Error && error.name === 'KafkaJSSASLAuthenticationError';
const isCertificateFault = (error: unknown): boolean =>
  error instanceof Error && CERTIFICATE_FAULTS.has((error as NodeJS.ErrnoException).code ?? '');

/** Kafka's or Node's words; of what OpenSSL tells, the sentence among the numbers. */
function wordsOf(error: unknown): string {
  const reason = reasonOf(error).trim();
  const ofOpenSsl = /:SSL routines:[^:]*:([^:]+):/.exec(reason)?.[1];
  return ofOpenSsl ? `TLS failed: ${ofOpenSsl}` : reason;
}

/** What a broker's reaction most often means. */
function hintOf(told: string, { ssl, sasl }: ConnectionSettings): string {
  // A broker says nothing to who speaks otherwise than it expects: it hangs up.
  const expected = [...(ssl ? [] : ['TLS']), ...(sasl ? [] : ['a sign-in'])].join(' or ');
  if (expected && told.includes('Closed connection')) return `; a broker that expects ${expected} does so`;
  if (/alert .*certificate/.test(told))
    return '; the broker wants a certificate of this client, issued by its authority';
  if (/wrong version number|before secure TLS connection/.test(told)) return '; what answers there does not speak TLS';
  return '';
}

/**
 * What to say when none of the brokers could be used. A `LogSetupError` if waiting cannot help: all of them refuse the
 * sign-in, or show a certificate that is not accepted.
 * @param faults by address
 */
export function connectionFault(faults: ReadonlyMap<string, unknown>, settings: ConnectionSettings): Error {
  const { sasl } = settings;
  const all = [...faults.values()];
  const told = [...faults].map(([address, error]) => `${address}: ${wordsOf(error)}`).join('; ');
  if (sasl && all.length > 0 && all.every(isSignInFault)) {
    const who = 'username' in sasl ? ` of ${sasl.username}` : '';
    return new LogSetupError(`Kafka does not accept the sign-in${who} by ${sasl.mechanism.toUpperCase()} (${told}).`);
  }
  if (all.length > 0 && all.every(isCertificateFault)) {
    const remedy = 'the certificate authority that is configured must be that of the brokers';
    return new LogSetupError(`Kafka's certificate is not accepted (${told}): ${remedy}.`);
  }
  return new Error(`${told}${hintOf(told, settings)}`);
}
