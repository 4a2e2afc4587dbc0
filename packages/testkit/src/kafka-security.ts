import type { ConnectionOptions } from 'node:tls';
import type { SASLOptions } from 'kafkajs';
import type { Certificate } from './certificates.ts';

/** How the brokers of a test are guarded against clients; among themselves they speak plainly. */
export interface KafkaSecurity {
  /** Passwords by name: clients must sign in as one of these, by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
  users?: Readonly<Record<string, string>>;
  /** Clients must speak TLS. */
  tls?: {
    broker: Certificate;
    /** PEM; who checks the brokers by it trusts them. */
    authority: string;
    /** Clients must show a certificate of the same authority: here is one for the test's own questions. */
    client?: Certificate;
  };
}

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const SCRAM = MECHANISMS.filter((name) => name.startsWith('SCRAM'));

export function securityProtocol({ users, tls }: KafkaSecurity): string {
  if (users) return tls ? 'SASL_SSL' : 'SASL_PLAINTEXT';
  return tls ? 'SSL' : 'PLAINTEXT';
}

/** As Java's properties take a text of several lines. */
const oneLine = (text: string): string => text.trim().replaceAll('\n', '\\n');

/** Broker settings of the listener CLIENT. */
export function securityConfig({ users, tls }: KafkaSecurity): Record<string, string> {
  const config: Record<string, string> = {};
  const prefix = 'listener.name.client.';
  if (users) {
    const modules = 'org.apache.kafka.common.security';
    const known = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`);
    config['sasl.enabled.mechanisms'] = MECHANISMS.join(',');
    config[`${prefix}plain.sasl.jaas.config`] = `${modules}.plain.PlainLoginModule required${known.join('')};`;
    for (const mechanism of SCRAM) {
      config[`${prefix}${mechanism.toLowerCase()}.sasl.jaas.config`] = `${modules}.scram.ScramLoginModule required;`;
    }
  }
  if (tls) {
    config[`${prefix}ssl.keystore.type`] = 'PEM';
    config[`${prefix}ssl.keystore.key`] = oneLine(tls.broker.key);
    config[`${prefix}ssl.keystore.certificate.chain`] = oneLine(tls.broker.certificate);
    config[`${prefix}ssl.truststore.type`] = 'PEM';
    config[`${prefix}ssl.truststore.certificates`] = oneLine(tls.authority);
    config[`${prefix}ssl.client.auth`] = tls.client ? 'required' : 'none';
  }
  return config;
}

/** Arguments of the storage tool: SCRAM's secrets are kept in the cluster's own data. */
export const scramArguments = ({ users = {} }: KafkaSecurity): string[] =>
  Object.entries(users).flatMap(([name, password]) =>
    SCRAM.flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]),
  );

/** How the test's own client gets in: as the first user. */
export function clientSecurity({ users, tls }: KafkaSecurity): { ssl?: ConnectionOptions; sasl?: SASLOptions } {
  const [first] = Object.entries(users ?? {});
  return {
    ssl: tls && { ca: tls.authority, cert: tls.client?.certificate, key: tls.client?.key },
    sasl: first && { mechanism: 'plain', username: first[0], password: first[1] },
  };
}
