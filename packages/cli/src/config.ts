import { nearestName } from './config/nearest-name.ts';
import type { ValueType } from './config/value-types.ts';
import { type Role, VARIABLES, type Variable } from './config/variables.ts';
import { UsageError } from './errors.ts';

type Variables = typeof VARIABLES;
type Given<V> = V extends { type: ValueType<infer T> } ? T : never;
type Value<V, R extends Role> = V extends { fallback: unknown }
  ? Given<V>
  : V extends { requiredBy: readonly (infer Q)[] }
    ? [R] extends [Q]
      ? Given<V>
      : Given<V> | undefined
    : Given<V> | undefined;

/** What a role was configured with: checked, and frozen. Fields that the role does not start without are never undefined. */
export type Config<R extends Role = Role> = { readonly [K in keyof Variables]: Value<Variables[K], R> };

export type Environment = Readonly<Record<string, string | undefined>>;

/** An empty value counts as absent: compose files write `NAME: ${NAME:-}`. */
function given(environment: Environment, name: string): string | undefined {
  return environment[name] === '' ? undefined : environment[name];
}

/**
 * The configuration of a role, from the environment: this is the only place that reads it.
 * @throws UsageError with one sentence for each variable that is wrong or missing
 */
export function loadConfig<R extends Role>(role: R, environment: Environment = process.env): Config<R> {
  const wrong: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [field, variable] of Object.entries<Variable>(VARIABLES)) {
    const text = given(environment, variable.name);
    if (text === undefined || !variable.roles.includes(role)) {
      if (variable.requiredBy?.includes(role)) wrong.push(`${variable.name} is needed: ${variable.meaning}`);
      values[field] = typeof variable.fallback === 'function' ? variable.fallback(role) : variable.fallback;
      continue;
    }
    try {
      values[field] = variable.type.parse(text);
    } catch (error) {
      wrong.push(`${variable.name} ${(error as TypeError).message}.`);
    }
  }
  if (wrong.length === 0) wrong.push(...contradictions(values as Config));
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'));
  return Object.freeze(values) as Config<R>;
}

function contradictions(config: Config): string[] {
  const wrong: string[] = [];
  const { kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword } = config;
  const sasl = [kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword].filter((part) => part !== undefined);
  if (sasl.length % 3 !== 0) {
    wrong.push('KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must be given together.');
  }
  if (config.kafkaSslCaFile && !config.kafkaSsl) wrong.push('KAFKA_SSL_CA_FILE needs KAFKA_SSL=true.');
  if (config.kafkaSslCertFile && !config.kafkaSsl) wrong.push('KAFKA_SSL_CERT_FILE needs KAFKA_SSL=true.');
  if (!config.kafkaSslCertFile !== !config.kafkaSslKeyFile) {
    wrong.push('KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE must be given together.');
  }
  if (!config.schemaRegistryUsername !== !config.schemaRegistryPassword) {
    wrong.push('SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD must be given together.');
  }
  return wrong;
}

/** Kubernetes puts variables for its services into every container: WAYLINE_QUERY_PORT, WAYLINE_QUERY_SERVICE_HOST, … */
const FROM_KUBERNETES = /_(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)$/;

/**
 * A sentence for each variable that looks like ours but is none: a typo must not vanish. Only a warning, because
 * what runs around us may set some that we do not know.
 */
export function unknownVariables(environment: Environment = process.env): string[] {
  const known = Object.values<Variable>(VARIABLES).map((variable) => variable.name);
  return Object.keys(environment).flatMap((name) => {
    if (known.includes(name) || !/^(WAYLINE|KAFKA)_/.test(name) || FROM_KUBERNETES.test(name)) return [];
    const near = nearestName(name, known);
    if (!near && name.startsWith('KAFKA_')) return [];
    return [`${name} is not a variable of Wayline${near ? `; did you mean ${near}?` : '.'}`];
  });
}

/** Whether `npm start` or `npx` started this process, through a shell that does not pass signals on. */
export function isRunByNpm(environment: Environment = process.env): boolean {
  return ['start', 'npx'].includes(environment.npm_lifecycle_event ?? '');
}
