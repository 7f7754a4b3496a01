import { createTokenIssuer, createTokenVerifier, type TokenVerifier } from "@ashlar/security/identity";
import type { DataDirectory } from "../cli/data-directory.ts";
import { keyFile, writePrivate } from "./keys.ts";
import { people, type Principal } from "./policies.ts";
import { loopbackCertificate, type ServerCertificate } from "./tls.ts";

/** What a client needs to call the gateway. */
export interface Client {
  readonly origin: string;
  /** PEM of the authority to trust. */
  readonly ca: string;
  readonly token: string;
}

export interface Identities {
  readonly certificate: ServerCertificate;
  readonly verifier: TokenVerifier;
  /** Tells where the gateway listens, once it does. */
  listensAt(origin: string): void;
  clientOf(principal: Principal): Promise<Client>;
  /** Writes tokens for trying things by hand, readable by the owner only. */
  writeCredentials(): Promise<void>;
}

const issuer = "https://localhost/ashlar";
const audience = "ashlar-reference";
const tokenSeconds = 3600;

export async function createIdentities(directory: DataDirectory): Promise<Identities> {
  const privateKey = keyFile(directory.file("keys", "tokens.pem"));
  const tokens = createTokenIssuer({ issuer, keys: [{ kid: "reference-1", key: privateKey }] });
  const verifier = createTokenVerifier({ issuer, audience, keys: tokens.jwks(), algorithms: ["EdDSA"] });
  const certificate = await loopbackCertificate();
  let origin: string | undefined;

  const issue = (principal: Principal): Promise<string> => {
    const roles = Object.values(people)
      .filter((person) => person.principal === principal)
      .map(({ role }) => role);
    return tokens.issue({ principal, audience, roles, expiresInSeconds: tokenSeconds });
  };
  return {
    certificate,
    verifier,
    listensAt: (at) => void (origin = at),
    async clientOf(principal) {
      if (origin === undefined) throw new Error("the gateway does not listen yet");
      return { origin, ca: certificate.ca, token: await issue(principal) };
    },
    async writeCredentials() {
      writePrivate(directory.file("ca.pem"), certificate.ca);
      const { pipeline: _unattended, ...attended } = people;
      const identities = await Promise.all(
        Object.entries(attended).map(async ([name, { principal }]) => [
          name,
          { principal, token: await issue(principal) },
        ]),
      );
      const expiresAt = new Date(Date.now() + tokenSeconds * 1000).toISOString();
      const credentials = { origin, ca: directory.file("ca.pem"), expiresAt, ...Object.fromEntries(identities) };
      writePrivate(directory.file("credentials.json"), `${JSON.stringify(credentials, null, 2)}\n`);
    },
  };
}
