import { featureStoreError } from "../errors.ts";

export interface HandlerLimits {
  /** Bytes of a request's body. @default 4 MiB */
  readonly maxBodyBytes?: number;
  /** Entities of one read. @default 10_000 */
  readonly maxEntities?: number;
  /** Features of one read, after `view:*` is written out. @default 1_000 */
  readonly maxFeatures?: number;
  /** Values of one read: entities by features. @default 1_000_000 */
  readonly maxValues?: number;
  /** Neighbours of one search. @default 1_000 */
  readonly maxNeighbours?: number;
}

/** @throws REQUEST_INVALID for a limit that is no whole number from 1 on */
export function handlerLimits(given: HandlerLimits): Required<HandlerLimits> {
  const { maxBodyBytes = 4 * 1024 * 1024, maxEntities = 10_000, maxFeatures = 1_000 } = given;
  const { maxValues = 1_000_000, maxNeighbours = 1_000 } = given;
  const limits = { maxBodyBytes, maxEntities, maxFeatures, maxValues, maxNeighbours };
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw featureStoreError("REQUEST_INVALID", { rule: `"${name}" is ${value}, and must be a whole number from 1 on` });
  }
  return limits;
}
