import { featureStoreError } from "../errors.ts";

export const sketchCorrupt = (wanted: string): Error =>
  featureStoreError("VECTOR_CORRUPT", { reason: `a sketch in it is not ${wanted}` });
