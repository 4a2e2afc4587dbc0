import { useContext, useState } from 'react';
import { ApiError } from '../api.ts';
import { saveAnswer } from '../save-answer.ts';
import { AccessContext } from '../use-answer.ts';

const FORMS = [
  { name: 'OTLP', path: '/trace?format=otlp' },
  { name: 'Chrome', path: '/trace?format=chrome' },
  { name: 'NDJSON', path: '/export?format=ndjson' },
  // It will be opened in a spreadsheet.
  { name: 'CSV', path: '/export?format=csv&formulas=escape' },
];

/** Saves a session as a file: for trace viewers, programs and spreadsheets. */
export function SessionExports({ base }: { base: string }) {
  const { token, refuse } = useContext(AccessContext);
  const [saving, setSaving] = useState('');
  const [failure, setFailure] = useState('');
  const save = async (name: string, path: string) => {
    setSaving(name);
    setFailure('');
    try {
      await saveAnswer(base + path, token);
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof ApiError && error.status === 401) refuse(message);
      setFailure(`${name}: ${message}`);
    }
    setSaving('');
  };
  return (
    <p className="hint">
      Export:{' '}
      {FORMS.map(({ name, path }, index) => (
        <span key={name}>
          {index > 0 && ' · '}
          <button type="button" className="link" disabled={saving !== ''} onClick={() => void save(name, path)}>
            {name}
          </button>
        </span>
      ))}
      <span role="status">{saving && ` ${saving} is on its way …`}</span>
      {failure && (
        <span className="failure" role="alert">
          {' '}
          {failure}
        </span>
      )}
    </p>
  );
}
