import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryKeyProvider } from "@ashlar/core/memory";
import { createAuditLog, createAuthorizer, createEnvelope, ed25519Signer } from "../src/index.ts";

// Prints the figures of the README: node --conditions=@ashlar/source packages/security/test/measure.ts
const line = (text: string): void => void process.stdout.write(`${text}\n`);

const envelope = createEnvelope({ keys: memoryKeyProvider() });
const chunk = new Uint8Array(1024 * 1024);
let left = 512;
const body = new ReadableStream<Uint8Array>({
  pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
});
const cpu = process.cpuUsage();
for await (const _ of envelope.decrypt(envelope.encrypt(body))) continue;
const used = process.cpuUsage(cpu);
line(
  `encrypt and decrypt 512 MiB: ${(512 / ((used.user + used.system) / 1e6)).toFixed(0)} MiB per CPU second, both together`,
);

const directory = await mkdtemp(join(tmpdir(), "ashlar-measure-"));
const signer = ed25519Signer({ name: "measure", privateKey: generateKeyPairSync("ed25519").privateKey });
const event = {
  principal: "User::ada",
  action: "Model::read",
  resource: "Model::delay",
  outcome: "allowed",
  at: 1,
} as const;
for (const callers of [1, 16, 256]) {
  await using log = await createAuditLog({ directory: join(directory, String(callers)), signer });
  const until = performance.now() + 2_000;
  const keep = async (): Promise<void> => {
    while (performance.now() < until) await log.append(event);
  };
  await Promise.all(Array.from({ length: callers }, keep));
  line(`audit appends, ${callers} callers: ${Math.round(log.size / 2)} a second, each durable`);
}
await rm(directory, { recursive: true });

for (const count of [1, 1000]) {
  const policies = Array.from({ length: count }, (_, n) => `permit (principal == User::"u${n}", action, resource);`);
  const authorizer = createAuthorizer({ policies: policies.join("\n") });
  const until = performance.now() + 1_000;
  let decisions = 0;
  for (; performance.now() < until; decisions++) {
    authorizer.decide({ principal: "User::u0", action: "Model::read", resource: "Model::delay" });
  }
  line(`decisions, ${count} policies: ${decisions} a second`);
}
