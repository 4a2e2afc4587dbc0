import { readFile } from 'node:fs/promises';
import type { LogLogger } from '@wayline/event-log';
import type { KafkaLogOptions } from '@wayline/event-log/kafka';
import type { Config } from './config.ts';
import { messageOf, UsageError } from './errors.ts';
import type { Logger } from './logger.ts';

/** How Kafka is spoken to, as configured. @throws UsageError about a file that cannot be read */
export async function kafkaSecurity(config: Config): Promise<Pick<KafkaLogOptions, 'ssl' | 'sasl'>> {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = config;
  return {
    ssl: await tls(config),
    sasl: mechanism && username && password ? { mechanism, username, password } : undefined,
  };
}

async function tls({ kafkaSsl, kafkaSslCaFile, kafkaSslCertFile, kafkaSslKeyFile }: Config) {
  const [ca, cert, key] = [
    await contentOf('KAFKA_SSL_CA_FILE', kafkaSslCaFile),
    await contentOf('KAFKA_SSL_CERT_FILE', kafkaSslCertFile),
    await contentOf('KAFKA_SSL_KEY_FILE', kafkaSslKeyFile),
  ];
  return kafkaSsl && (ca || cert) ? { ca, cert, key } : kafkaSsl;
}

async function contentOf(variable: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${variable} ${file} cannot be read: ${messageOf(error)}`);
  }
}

/**
 * Holds back what is told while the log is being opened, where only warnings are logged: the sentence of a start that
 * fails is to stand alone. `release` tells it, and all that comes from then on.
 */
export function createOpeningLogger(logger: Logger): LogLogger & { release(): void } {
  const held: (() => void)[] = [];
  let holding = !logger.isLevelEnabled('info');
  const tell = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    if (holding) held.push(() => logger[level](fields, message));
    else logger[level](fields, message);
  };
  return {
    info: tell('info'),
    warn: tell('warn'),
    error: tell('error'),
    release() {
      holding = false;
      for (const line of held.splice(0)) line();
    },
  };
}
