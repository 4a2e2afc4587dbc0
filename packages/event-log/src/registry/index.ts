export { type FrameSource, withFrames } from './frames.ts';
export {
  createRegistryClient,
  type FoundSchema,
  type RegistryClient,
  type RegistryClientOptions,
  RegistryRefusalError,
  RegistryUnavailableError,
} from './registry-client.ts';
export { createSchemaCache, type SchemaCache, type SchemaCacheOptions } from './schema-cache.ts';
