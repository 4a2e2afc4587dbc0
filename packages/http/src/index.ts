export { type ByteBudget, createByteBudget } from './byte-budget.ts';
export { authorize, credentialOf, principalOf, requireScope } from './credentials.ts';
export { decodeText } from './decode-text.ts';
export { mediaTypeOf } from './media-type.ts';
export { noSuchRoute, servesOnly } from './no-such-route.ts';
export { type HttpLogger, problemHandler, sendProblem } from './problems.ts';
export { type BodyLimits, readBody } from './read-body.ts';
export { requestId, requestIdOf } from './request-id.ts';
export { sendJson } from './send-json.ts';
