import { strictEqual } from "node:assert";
import { createCipheriv, createDecipheriv, generateKeyPairSync, randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { memoryKeyProvider } from "@ashlar/core/memory";
import { createAuditLog, createAuthorizer, createEnvelope, ed25519Signer } from "@ashlar/security";
import { type Bench, perSecond, rate, type Suite } from "./harness.ts";

export const security: Suite = async (bench) => {
  await encryption(bench);
  await auditLog(bench);
  await decisions(bench);
};

const chunk = new Uint8Array(1024 * 1024);
const chunks = 128;

/** A stream of 128 MiB through the envelope, against one AES-256-GCM cipher that is fed the same chunks. */
async function encryption({ pair }: Bench): Promise<void> {
  const envelope = createEnvelope({ keys: memoryKeyProvider() });
  const [key, nonce] = [randomBytes(32), randomBytes(12)];
  const cipher = (): BareCipher => createCipheriv("aes-256-gcm", key, nonce);
  const decipher = (): BareCipher => createDecipheriv("aes-256-gcm", key, nonce);
  const peerName = "node:crypto aes-256-gcm, in 1 MiB updates";
  await pair({
    name: "encrypt a stream in an envelope",
    unit: "MiB/s",
    peerName,
    rounds: 3,
    ours: () => perSecond(chunks, () => count(envelope.encrypt(body()))),
    peer: () => perSecond(chunks, () => feed(cipher())),
  });
  await pair({
    name: "encrypt and decrypt it, piped together",
    unit: "MiB/s",
    peerName,
    rounds: 3,
    ours: () => perSecond(chunks, () => count(envelope.decrypt(envelope.encrypt(body())))),
    peer: () =>
      perSecond(chunks, () => {
        feed(cipher());
        feed(decipher());
      }),
  });
}

function body(): ReadableStream<Uint8Array> {
  let left = chunks;
  return new ReadableStream({ pull: (to) => (left-- > 0 ? to.enqueue(chunk) : to.close()) });
}

async function count(stream: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const part of stream) bytes += part.byteLength;
  return bytes;
}

interface BareCipher {
  update(bytes: Uint8Array): Uint8Array;
}

function feed(cipher: BareCipher): void {
  for (let i = 0; i < chunks; i++) cipher.update(chunk);
}

const event = {
  principal: "User::ada",
  action: "Model::read",
  resource: "Model::delay",
  outcome: "allowed",
  at: 1,
} as const;

/** Appends that resolve when they are on disk with a signed checkpoint, against a file that is synced after each line. */
async function auditLog({ folder, pair }: Bench): Promise<void> {
  const signer = ed25519Signer({ name: "bench", privateKey: generateKeyPairSync("ed25519").privateKey });
  await using log = await createAuditLog({ directory: join(folder, "audit"), signer });
  await using file = await open(join(folder, "lines.jsonl"), "a");
  const text = `${JSON.stringify(event)}\n`;
  const appendLine = async (): Promise<void> => {
    await file.appendFile(text);
    await file.datasync();
  };
  for (const clients of [1, 256]) {
    await pair({
      name: `audit appends, ${clients} at once`,
      unit: "records/s",
      peerName: "append to a file, one fdatasync a record",
      ours: () => rate(() => log.append(event), { clients }),
      peer: () => rate(appendLine),
    });
  }
}

interface BareCedar {
  preparsePolicySet(name: string, policies: { readonly staticPolicies: string }): unknown;
  statefulIsAuthorized(call: object): { readonly response?: { readonly decision: string } };
}

/** One decision by role, through the checks of the authorizer, against a bare call of Cedar on prepared policies. */
async function decisions({ pair }: Bench): Promise<void> {
  const policies = `permit (principal in Role::"scientist", action == Action::"Model::read", resource);`;
  const authorizer = createAuthorizer({ policies, entities: [{ id: "User::ada", parents: ["Role::scientist"] }] });
  // The Cedar that the package itself has loaded.
  const cedar = createRequire(import.meta.resolve("@ashlar/security"))("@cedar-policy/cedar-wasm/nodejs") as BareCedar;
  cedar.preparsePolicySet("bench", { staticPolicies: policies });
  const role = { type: "Role", id: "scientist" };
  const ada = { type: "User", id: "ada" };
  const bare = (): ReturnType<BareCedar["statefulIsAuthorized"]> =>
    cedar.statefulIsAuthorized({
      principal: ada,
      action: { type: "Action", id: "Model::read" },
      resource: { type: "Model", id: "delay" },
      context: {},
      preparsedPolicySetId: "bench",
      entities: [
        { uid: ada, attrs: {}, parents: [role] },
        { uid: role, attrs: {}, parents: [] },
      ],
    });
  const request = { principal: "User::ada", action: "Model::read", resource: "Model::delay" };
  strictEqual(bare().response?.decision, "allow");
  await pair({
    name: "decide one request by role",
    unit: "decisions/s",
    peerName: "cedar-wasm, policies prepared, entities given",
    ours: () => rate(() => strictEqual(authorizer.decide(request).allowed, true)),
    peer: () => rate(bare),
  });
}
