import { featureStoreError } from "../errors.ts";

export const jsonMedia = "application/json";
/** As registered with IANA for the Arrow IPC streaming format. */
export const arrowMedia = "application/vnd.apache.arrow.stream";

/**
 * Which of the two a client would rather have, by RFC 9110 section 12.5.1: the more specific range gives the quality, the
 * higher quality wins, and of equal ones JSON.
 *
 * @throws NOT_ACCEPTABLE when it takes neither
 */
export function preferredMedia(accept: string | null): typeof jsonMedia | typeof arrowMedia {
  const ranges = (accept ?? "*/*").split(",", 100).map(rangeOf);
  const json = quality(ranges, jsonMedia);
  const arrow = quality(ranges, arrowMedia);
  if (json === 0 && arrow === 0) {
    throw featureStoreError("NOT_ACCEPTABLE", { accept: accept ?? "", known: [jsonMedia, arrowMedia] });
  }
  return arrow > json ? arrowMedia : jsonMedia;
}

interface MediaRange {
  readonly media: string;
  readonly q: number;
}

function rangeOf(text: string): MediaRange {
  const [media = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  const q = given === undefined ? 1 : Number(given.slice(2));
  return { media, q: q >= 0 && q <= 1 ? q : 0 };
}

function quality(ranges: readonly MediaRange[], media: string): number {
  for (const name of [media, "application/*", "*/*"]) {
    const found = ranges.filter((range) => range.media === name);
    if (found.length > 0) return Math.max(...found.map(({ q }) => q));
  }
  return 0;
}
