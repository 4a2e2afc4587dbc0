import type { SessionSummary } from '../api.ts';
import { dateTime, duration, minute, number } from '../formats.ts';
import { linkTo } from '../route.ts';
import { SessionState } from './session-state.tsx';

/** Sessions, a line each. */
export function SessionTable({ sessions }: { sessions: readonly SessionSummary[] }) {
  return (
    <div className="wide">
      <table>
        <thead>
          <tr>
            <th scope="col">Session</th>
            <th scope="col">First event</th>
            <th scope="col">Length</th>
            <th scope="col">User</th>
            <th scope="col">Sources</th>
            <th scope="col" className="figure">
              Events
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <tr key={session.sessionId}>
              <th scope="row">
                <a className="id" href={linkTo(['sessions', session.sessionId])} title={session.sessionId}>
                  {session.sessionId}
                </a>
              </th>
              <td title={dateTime(session.firstAt)}>{minute(session.firstAt)}</td>
              <td>{duration(Date.parse(session.lastAt) - Date.parse(session.firstAt))}</td>
              <td className="id" title={session.userId ?? undefined}>
                {session.userId ?? '–'}
              </td>
              <td className="id" title={[...session.apps, ...session.microservices].join(', ')}>
                {[...session.apps, ...session.microservices].join(', ') || '–'}
              </td>
              <td className="figure">{number(session.eventCount)}</td>
              <td>
                <SessionState endReason={session.endReason} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
