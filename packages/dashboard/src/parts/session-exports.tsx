import { useContext, useState } from 'react';
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
  const { token } = useContext(AccessContext);
  const [state, setState] = useState('');
  const save = (path: string) => {
    setState(' …');
    saveAnswer(base + path, token).then(
      () => setState(''),
      (error: unknown) => setState(` ${(error as Error).message}`),
    );
  };
  return (
    <p className="hint">
      Export:{' '}
      {FORMS.map(({ name, path }, index) => (
        <span key={name}>
          {index > 0 && ' · '}
          <button type="button" className="link" onClick={() => save(path)}>
            {name}
          </button>
        </span>
      ))}
      {state}
    </p>
  );
}
