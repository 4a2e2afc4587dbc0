export { credentialOf, principalOf, requireScope } from './credentials.ts';
export { type HttpLogger, noSuchRoute, problemHandler, sendProblem } from './problems.ts';
export { requestId, requestIdOf } from './request-id.ts';
