export { type AuthorizerOptions, type CedarAuthorizer, createAuthorizer } from "./authorizer.ts";
export type { EntityData } from "./entities.ts";
