import { useCallback, useEffect, useMemo, useState } from 'react';
import { LedgerPage } from './pages/ledger-page.tsx';
import { LivePage } from './pages/live-page.tsx';
import { MachinePage } from './pages/machine-page.tsx';
import { SessionPage } from './pages/session-page.tsx';
import { SessionsPage } from './pages/sessions-page.tsx';
import { TokenForm } from './parts/token-form.tsx';
import { linkTo, parseRoute, type Route, useHash } from './route.ts';
import { forgetToken, keepToken } from './token.ts';
import { AccessContext } from './use-answer.ts';

const SECTIONS = [
  ['sessions', 'Sessions'],
  ['machines', 'Machines'],
  ['live', 'Live'],
  ['ledger', 'Ledger'],
] as const;

function page({ path: [section = 'sessions', id], query }: Route) {
  switch (section) {
    case 'sessions':
      return id ? <SessionPage key={id} id={id} query={query} /> : <SessionsPage query={query} />;
    case 'machines':
      return <MachinePage key={id} id={id} query={query} />;
    case 'live':
      return <LivePage query={query} />;
    case 'ledger':
      return <LedgerPage query={query} />;
    default:
      return <p className="notice">There is no such page. Begin with the sessions, above.</p>;
  }
}

export function App({ initialToken }: { initialToken: string | undefined }) {
  const [token, setToken] = useState(initialToken);
  const [refusal, setRefusal] = useState<string>();
  const route = parseRoute(useHash());
  const section = route.path[0] ?? 'sessions';

  const refuse = useCallback((reason?: string) => {
    forgetToken(sessionStorage);
    setRefusal(reason);
    setToken(undefined);
  }, []);
  const access = useMemo(() => ({ token: token ?? '', refuse }), [token, refuse]);
  const accept = (given: string) => {
    keepToken(sessionStorage, given);
    setRefusal(undefined);
    setToken(given);
  };

  useEffect(() => {
    document.title = `${route.path[1] ?? SECTIONS.find(([name]) => name === section)?.[1] ?? 'Wayline'} · Wayline`;
  }, [route.path[1], section]);

  return (
    <>
      <header className="top">
        <a className="brand" href={linkTo(['sessions'])}>
          <img src="./icon.svg" alt="" width="26" height="26" />
          Wayline
        </a>
        {token && (
          <>
            <nav aria-label="Sections">
              {SECTIONS.map(([name, title]) => (
                <a key={name} href={linkTo([name])} aria-current={name === section ? 'page' : undefined}>
                  {title}
                </a>
              ))}
            </nav>
            <span className="zone">times in UTC</span>
            <button type="button" className="quiet" onClick={() => refuse()}>
              Sign out
            </button>
          </>
        )}
      </header>
      <main>
        {token ? (
          <AccessContext value={access}>{page(route)}</AccessContext>
        ) : (
          <TokenForm refusal={refusal} onToken={accept} />
        )}
      </main>
    </>
  );
}
