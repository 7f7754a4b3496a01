export type { DataKeyCacheOptions } from "./data-key-cache.ts";
export { createEnvelope, type Envelope, type EnvelopeOptions } from "./envelope.ts";
export type { DecryptRangeOptions, RangeSource } from "./range.ts";
