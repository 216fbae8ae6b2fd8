export { type TypeInformation, type TypeKind, type TypeOf, Types } from './types.ts';
