import "./reflect-metadata.ts";
import { randomBytes } from "node:crypto";
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export interface TestPair {
  readonly cert: string;
  readonly key: string;
}

/** Makes certificates of its own. */
export interface TestAuthority {
  readonly cert: string;
  issue(name: string, options?: { readonly notAfter?: Date }): Promise<TestPair>;
}

export async function createAuthority(): Promise<TestAuthority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const validity = { notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 86_400_000) };
  const root: X509Certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=test authority",
      keys,
      ...validity,
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    },
    crypto,
  );
  return {
    cert: root.toString("pem"),
    async issue(name, { notAfter = validity.notAfter } = {}) {
      const own = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const certificate = await X509CertificateGenerator.create(
        {
          serialNumber: randomBytes(8).toString("hex"),
          subject: `CN=${name}`,
          issuer: root.subject,
          notBefore: validity.notBefore,
          notAfter,
          publicKey: own.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: algorithm,
          extensions: [
            new SubjectAlternativeNameExtension([
              { type: "dns", value: "localhost" },
              { type: "ip", value: "127.0.0.1" },
            ]),
          ],
        },
        crypto,
      );
      const pkcs8 = await crypto.subtle.exportKey("pkcs8", own.privateKey);
      return { cert: certificate.toString("pem"), key: PemConverter.encode(pkcs8, "PRIVATE KEY") };
    },
  };
}
