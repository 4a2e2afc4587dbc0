import { setTimeout as sleep } from 'node:timers/promises';
import { directSubject, eventsSubject, schemaFrame, TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import type { RegistryClient } from '@wayline/event-log/registry';
import type { Config } from './config.ts';
import { UsageError } from './errors.ts';
import type { Service } from './service.ts';

type RegistryConfig = Pick<Config, 'schemaRegistryUrl' | 'schemaRegistryUsername' | 'schemaRegistryPassword'>;

const AGAIN_AFTER_MS = 30_000;

/** The schema registry; undefined where none is configured. Nothing is asked yet. */
export async function openRegistry(config: RegistryConfig): Promise<RegistryClient | undefined> {
  const { schemaRegistryUrl: url, schemaRegistryUsername: username, schemaRegistryPassword: password } = config;
  if (url === undefined) return undefined;
  const { createRegistryClient } = await import('@wayline/event-log/registry');
  return createRegistryClient({ url, username, password });
}

/** Gives the registry, if there is one, the schemas of this version. @throws UsageError where it cannot have them */
export async function registerSubjects(config: RegistryConfig): Promise<void> {
  const registry = await openRegistry(config);
  if (!registry) return;
  try {
    await ensureSubjects(registry);
  } catch (error) {
    throw new UsageError(`SCHEMA_REGISTRY_URL: ${(error as Error).message}`);
  }
}

/** @returns the id of the schema of `wayline.events` */
async function ensureSubjects(registry: RegistryClient): Promise<number> {
  await registry.ensure(directSubject());
  return registry.ensure(eventsSubject());
}

/**
 * The log whose `wayline.events` are framed, where a registry is configured. Events wait for no registry: while it is away
 * they are written as plain JSON, which every reader takes, and it is asked again.
 * @throws UsageError where the registry has schemas that this version is not compatible with
 */
export async function frameEvents(
  { config, logger, lifecycle }: Pick<Service, 'config' | 'logger' | 'lifecycle'>,
  log: EventLog,
): Promise<EventLog> {
  const registry = await openRegistry(config);
  if (!registry) return log;
  const { RegistryUnavailableError, withFrames } = await import('@wayline/event-log/registry');
  const { signal } = lifecycle;
  let frame: Uint8Array | undefined;

  async function prepare(): Promise<boolean> {
    try {
      frame = schemaFrame(await ensureSubjects(registry as RegistryClient));
      return true;
    } catch (error) {
      if (!(error instanceof RegistryUnavailableError)) throw error;
      logger.warn({ err: error }, `events are written as plain JSON for now: ${error.message}`);
      return false;
    }
  }

  async function prepareLater(): Promise<void> {
    for (;;) {
      await sleep(AGAIN_AFTER_MS, undefined, { signal, ref: false });
      if (await prepare()) return logger.info({}, 'the schema registry answers: events are framed from now on');
    }
  }

  const ready = await prepare().catch((error: Error) => {
    throw new UsageError(`SCHEMA_REGISTRY_URL: ${error.message}`);
  });
  if (!ready) {
    prepareLater().catch((error: unknown) => {
      if (!signal.aborted)
        logger.error({ err: error }, 'events stay plain JSON: the schema registry refuses the schemas');
    });
  }
  return withFrames(log, TOPICS.events, () => frame);
}
