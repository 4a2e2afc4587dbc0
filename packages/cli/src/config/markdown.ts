import { ROLES, VARIABLES, type Variable } from './variables.ts';

function fallbackOf({ fallback, fallbackText, requiredBy }: Variable): string {
  const text = fallbackText ?? (fallback === undefined ? 'none' : `\`${String(fallback)}\``);
  return requiredBy
    ? `${text}${fallbackText ? '; ' : ', '}needed by ${requiredBy.join(', ')}`.replace('none, ', '')
    : text;
}

const rolesOf = ({ roles }: Variable): string => (roles.length === ROLES.length ? 'every one' : roles.join(', '));

/** The table of all variables, in Markdown. */
export function configurationTable(): string {
  const rows = Object.values<Variable>(VARIABLES).map((variable) =>
    [`\`${variable.name}\``, variable.type.form, fallbackOf(variable), rolesOf(variable), variable.meaning]
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | '),
  );
  return ['variable | form | default | commands | meaning', '--- | --- | --- | --- | ---', ...rows]
    .map((row) => `| ${row} |\n`)
    .join('');
}

/** The whole of docs/configuration.md. */
export function configurationPage(): string {
  return `# Configuration

Made from the table that the program itself reads, by \`npm run configuration -w packages/cli\`; do not edit.

Wayline is configured by environment variables alone. They are checked at the start: a wrong one stops it with exit code 2
and a sentence on standard error; one that only looks like ours is warned of, with the nearest name. An empty value counts
as absent.

${configurationTable()}
Exit codes: 0 stopped cleanly, 1 a fault while running, 2 wrong usage or configuration, 3 the database schema is newer
than the program.
`;
}
