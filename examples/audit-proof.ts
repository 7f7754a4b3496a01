// A log whose entries can be proved to somebody who has only a checkpoint, and which does not survive tampering.
import { generateKeyPairSync } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createAuditLog,
  ed25519Signer,
  openCheckpoint,
  verifyAuditLog,
  verifyConsistency,
  verifyInclusion,
} from "@ashlar/security/audit";

const signer = ed25519Signer({ name: "example.com/audit", privateKey: generateKeyPairSync("ed25519").privateKey });
const { publicKey } = signer;
let checkpoint: string;
{
  await using log = await createAuditLog({ directory: "./audit", signer });
  const record = (principal: string): Promise<unknown> =>
    log.append({ principal, action: "Model::read", resource: "Model::delay", outcome: "allowed", at: Date.now() });
  await record("User::ada");
  const earlier = openCheckpoint(log.checkpoint(), { publicKey });
  await Promise.all(["User::grace", "User::bob"].map(record));

  checkpoint = log.checkpoint();
  const { root, size } = openCheckpoint(checkpoint, { publicKey });
  console.log(checkpoint);
  console.log("entry 1 is in it:", verifyInclusion(log.inclusionProof(1), root));
  const grown = log.consistencyProof(earlier.size);
  console.log(
    `${size} entries grew out of ${earlier.size}:`,
    verifyConsistency(grown, { from: earlier.root, to: root }),
  );
}
const verify = () => verifyAuditLog({ directory: "./audit", publicKey, trustedCheckpoint: checkpoint });
console.log("offline:", await verify());

for (const name of await readdir("./audit")) {
  const bytes = await readFile(join("./audit", name));
  await writeFile(join("./audit", name), bytes.toString("latin1").replace("User::bob", "User::eve"), "latin1");
}
console.log("altered:", await verify());
