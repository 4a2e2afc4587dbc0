import { eventSchema, type WaylineEvent } from '@wayline/contracts';
import { clipText } from '../clip-text.ts';
import { isObject } from '../is-object.ts';
import { objectOf, textOf } from './loose-values.ts';
import type { MessageType } from './message-types.ts';

export interface Clues {
  call: MessageType;
  /** RudderStack's: `server`, `web`, `mobile`. */
  channel: unknown;
  context: Record<string, unknown>;
  properties: Record<string, unknown>;
}

type Reporter = Pick<WaylineEvent, 'source' | 'platform' | 'page' | 'referrer'>;

const { properties: FIELDS } = eventSchema;
const { name: NAME, version: VERSION } = FIELDS.source.properties;
const APP_CHANNELS = new Set<unknown>(['client', 'browser', 'web', 'mobile']);
/** RudderStack's browser library says of itself what an app would say: then `app` names no app. */
const LIBRARIES_AS_APPS = new Set<unknown>(['com.rudderlabs.javascript']);

/** Who reports, on what, and of which page, as far as a message tells. Texts are cut to what the fields hold. */
export function reporterOf({ call, channel, context, properties }: Clues): Reporter {
  const page = objectOf(context.page);
  const app = LIBRARIES_AS_APPS.has(objectOf(context.app).namespace) ? {} : objectOf(context.app);
  const device = objectOf(context.device);
  const url = urlOf(page.url) ?? (call === 'page' ? urlOf(properties.url) : undefined);
  const isApp =
    call === 'page' ||
    call === 'screen' ||
    textOf(app.name) !== undefined ||
    [context.page, context.screen, context.device].some(isObject) ||
    APP_CHANNELS.has(channel);
  const source = sourceOf({ isApp, app, url, library: objectOf(context.library) });
  const platform = platformOf({ isApp, isPage: isObject(context.page) || call === 'page', channel, device, context });
  const path = textOf(page.path) ?? (call === 'page' ? textOf(properties.path) : undefined) ?? url?.pathname;
  const referrer = textOf(page.referrer) ?? (call === 'page' ? textOf(properties.referrer) : undefined);
  return {
    ...(source && { source }),
    ...(platform && { platform }),
    ...(path !== undefined && { page: clipText(path, FIELDS.page.maxLength) }),
    ...(referrer !== undefined && { referrer: clipText(referrer, FIELDS.referrer.maxLength) }),
  };
}

function sourceOf(clues: {
  isApp: boolean;
  app: Record<string, unknown>;
  url: URL | undefined;
  library: Record<string, unknown>;
}): Reporter['source'] {
  const { isApp, app, url, library } = clues;
  const name = textOf(app.name) ?? (isApp ? textOf(url?.host) : undefined);
  const named = name === undefined ? library : app;
  const text = name ?? textOf(library.name);
  if (text === undefined) return undefined;
  const version = textOf(named.version);
  return {
    kind: isApp ? 'app' : 'microservice',
    name: clipText(text, NAME.maxLength),
    ...(version !== undefined && { version: clipText(version, VERSION.maxLength) }),
  };
}

function platformOf(clues: {
  isApp: boolean;
  isPage: boolean;
  channel: unknown;
  device: Record<string, unknown>;
  context: Record<string, unknown>;
}): Reporter['platform'] {
  const { isApp, isPage, channel, device, context } = clues;
  if (!isApp) return 'server';
  if (isPage || channel === 'web' || channel === 'browser') return 'web';
  const system = `${textOf(device.type) ?? ''} ${textOf(objectOf(context.os).name) ?? ''}`;
  if (channel === 'mobile' || /\b(ios|ipados|android)\b/i.test(system)) return 'mobile';
  return /\b(mac ?os|os x|windows|linux)\b/i.test(system) ? 'desktop' : undefined;
}

function urlOf(value: unknown): URL | undefined {
  return typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
}
