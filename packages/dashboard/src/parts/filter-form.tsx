import { linkTo } from '../route.ts';

export interface FilterField {
  name: string;
  label: string;
  type?: 'datetime-local';
}

export const RANGE: FilterField[] = [
  { name: 'from', label: 'From', type: 'datetime-local' },
  { name: 'to', label: 'To', type: 'datetime-local' },
];

interface FilterFormProps {
  path: readonly string[];
  query: Record<string, string>;
  fields: readonly FilterField[];
}

/** What a list is narrowed by; it is part of the address, so that a view can be handed on. */
export function FilterForm({ path, query, fields }: FilterFormProps) {
  const submit = (form: FormData) => {
    const given = fields.map(({ name }) => [name, String(form.get(name) ?? '').trim()]);
    window.location.hash = linkTo(path, Object.fromEntries(given));
  };
  return (
    <search>
      <form key={JSON.stringify(query)} className="filters" action={submit}>
        {fields.map(({ name, label, type = 'text' }) => (
          <label key={name}>
            {label}
            <input name={name} type={type} defaultValue={query[name] ?? ''} autoComplete="off" spellCheck={false} />
          </label>
        ))}
        <span className="actions">
          <button type="submit">Show</button>
          {fields.some(({ name }) => query[name]) && <a href={linkTo(path)}>Clear</a>}
        </span>
      </form>
    </search>
  );
}
