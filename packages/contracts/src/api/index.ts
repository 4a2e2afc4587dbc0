export { AREAS } from './areas.ts';
export {
  type ApiDescription,
  areasOf,
  type DescribedOperation,
  type DescribeOptions,
  describeApi,
} from './describe-api.ts';
export type { ApiScope, Area, Operation, Role, Schema } from './operation.ts';
