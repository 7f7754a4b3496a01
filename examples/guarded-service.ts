// Decide, record, act: a service that nobody can call without a policy that permits it and a record that it was called.
import { isAshlarError } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { generateKeyPairSync } from "node:crypto";
import { createAuditLog, createAuthorizer, ed25519Signer, guarded } from "@ashlar/security";

const registry = {
  promote: async (model: string, version: number) => `${model}@champion is version ${version}`,
  remove: async (model: string) => `${model} is gone`,
};

const authorizer = createAuthorizer({
  policies: `
    @id("scientists promote what is evaluated")
    permit (principal in Role::"scientist", action == Action::"Model::promote", resource)
    when { context.version > 1 };`,
  entities: [{ id: "User::ada", parents: ["Role::scientist"] }],
});
const signer = ed25519Signer({ name: "example.com/audit", privateKey: generateKeyPairSync("ed25519").privateKey });
await using audit = await createAuditLog({ objects: memoryObjectStore(), signer });

let caller = "User::ada";
const safe = guarded(registry, {
  authorizer,
  audit,
  principal: () => caller,
  actions: {
    promote: (model, version) => ({ action: "Model::promote", resource: `Model::${model}`, context: { version } }),
  },
});

const tried = async (call: Promise<string>): Promise<void> => {
  console.log(
    await call.catch((error: unknown) => {
      if (isAshlarError(error, "ACCESS_DENIED")) return error.message;
      throw error;
    }),
  );
};
await tried(safe.promote("delay", 7));
await tried(safe.promote("delay", 1)); // the policy's condition does not hold
await tried(safe.remove("delay")); // no rule opens this method
caller = "User::eve";
await tried(safe.promote("delay", 7));
for await (const { index, event } of audit.entries()) console.log(index, event.outcome, event.principal, event.action);
