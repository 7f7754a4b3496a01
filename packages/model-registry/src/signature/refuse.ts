import { registryError } from "../errors.ts";

/** Makes the error for a signature that is refused, of the reason. */
export type Refuse = (reason: string) => Error;

/** @param subject what is signed, e.g. `delay/3` */
export function refusing(subject: string): Refuse {
  return (reason) => registryError("SIGNATURE_INVALID", { subject, reason });
}
