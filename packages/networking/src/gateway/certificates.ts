import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { networkingError } from "../errors.ts";

/** What a TLS listener shows, in PEM. */
export interface Certificates {
  /** The certificate, followed by its intermediates. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates. When given, a client without a certificate of theirs is refused. */
  readonly ca?: string;
}

/**
 * Options of a secure context, known to work.
 *
 * @param now epoch milliseconds
 * @throws CERTIFICATE_INVALID when it cannot be read, does not fit its key, or has expired
 */
export function secureOptions({ cert, key, ca }: Certificates, now: number): SecureContextOptions {
  const options: SecureContextOptions = { cert, key, minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext(options);
    const { validToDate } = new X509Certificate(cert);
    if (validToDate.getTime() <= now) throw new Error(`it expired on ${validToDate.toISOString()}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw networkingError("CERTIFICATE_INVALID", { reason }, { cause: error });
  }
  return options;
}
