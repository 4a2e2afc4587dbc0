import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PEM texts. */
export interface Certificate {
  certificate: string;
  key: string;
}

export interface CertificateAuthority {
  /** The authority's own certificate, PEM: who knows it trusts what it issued. */
  certificate: string;
  /** A certificate for 127.0.0.1 and localhost, or for a client of that name, valid for two days. */
  issue(commonName: string): Promise<Certificate>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const VALID = ['-days', '2'];

/** A certificate authority for tests, made by `openssl`; nothing of it stays on disk. */
export async function createCertificateAuthority(commonName: string): Promise<CertificateAuthority> {
  const inFolder = async <T>(work: (path: (name: string) => string) => Promise<T>): Promise<T> => {
    const folder = await mkdtemp(join(tmpdir(), 'wayline-certificates-'));
    try {
      return await work((name) => join(folder, name));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  const read = async (path: (name: string) => string): Promise<Certificate> => ({
    certificate: await readFile(path('certificate.pem'), 'utf8'),
    key: await readFile(path('key.pem'), 'utf8'),
  });

  const own = await inFolder(async (path) => {
    const to = ['-keyout', path('key.pem'), '-out', path('certificate.pem')];
    await run('openssl', ['req', '-x509', ...NEW_KEY, ...VALID, '-subj', `/CN=${commonName}`, ...to]);
    return read(path);
  });
  return {
    certificate: own.certificate,
    issue: (name) =>
      inFolder(async (path) => {
        await writeFile(path('ca.pem'), own.certificate);
        await writeFile(path('ca.key'), own.key);
        const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
        const request = ['-keyout', path('key.pem'), '-out', path('request.pem')];
        await run('openssl', ['req', ...NEW_KEY, '-subj', `/CN=${name}`, ...names, ...request]);
        const by = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-copy_extensions', 'copy'];
        const issued = ['-in', path('request.pem'), '-out', path('certificate.pem')];
        await run('openssl', ['x509', '-req', ...VALID, ...by, ...issued]);
        return read(path);
      }),
  };
}
