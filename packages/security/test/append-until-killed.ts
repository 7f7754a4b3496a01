import { createPrivateKey } from "node:crypto";
import { createAuditLog, ed25519Signer } from "../src/audit/index.ts";

// Appends with many callers at once, and writes the index of every record it was told is saved, until it is killed.
const [directory = "", pem = ""] = process.argv.slice(2);
const signer = ed25519Signer({ name: "audit.example.com/test", privateKey: createPrivateKey(pem) });
const log = await createAuditLog({ directory, signer, checkpointIntervalMs: 50 });

async function keepAppending(caller: number): Promise<void> {
  for (let n = 0; n < 1_000_000; n++) {
    const resource = `Model::${caller}`;
    const at = Date.now();
    const { index } = await log.append({
      principal: "User::ada",
      action: "Model::read",
      resource,
      outcome: "allowed",
      at,
    });
    process.stdout.write(`${index}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, caller) => keepAppending(caller)));
