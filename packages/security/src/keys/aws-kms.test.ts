import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { DecryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { describe, expect, expectTypeOf, it } from "vitest";
import { awsKms, type KmsClient, type KmsCommands } from "./aws-kms.ts";
import { loadKmsCommands } from "./aws-kms-commands.ts";

/** Commands in the SDK's shape, as the adapter makes them; the SDK's own meet a real server in interop/kms. */
class Command {
  readonly input: object;
  constructor(input: object) {
    this.input = input;
  }
}
const commands: KmsCommands = { GenerateDataKeyCommand: Command, DecryptCommand: Command };

const arn = "arn:aws:kms:eu-central-1:000000000000:key/one";
/** A key service that gives every call one answer, and keeps what it was sent. */
function answering(answer: unknown) {
  const sent: { input: Record<string, unknown> }[] = [];
  const client: KmsClient = {
    async send(command) {
      sent.push(command as { input: Record<string, unknown> });
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { sent, keys: awsKms({ client, keyId: "alias/models", commands }) };
}
const fault = (name: string, more: object = {}): Error =>
  Object.assign(new Error("said the service"), { name, $fault: "client", $metadata: { httpStatusCode: 400 }, ...more });

describe("AWS KMS keys", () => {
  it("takes the client and commands of the SDK", async () => {
    expectTypeOf<KMSClient>().toExtend<KmsClient>();
    expectTypeOf<{
      GenerateDataKeyCommand: typeof GenerateDataKeyCommand;
      DecryptCommand: typeof DecryptCommand;
    }>().toExtend<KmsCommands>();
    const loader = new URL("./aws-kms-commands.ts", import.meta.url).href;
    const code = `const m = await import(${JSON.stringify(loader)}); console.log("DecryptCommand" in await m.loadKmsCommands())`;
    // Without the runner's conditions, which choose files of the SDK that only bundlers can read.
    const flags = ["--conditions=@ashlar/source", "--input-type=module", "-e", code];
    expect((await promisify(execFile)(process.execPath, flags)).stdout).toBe("true\n");
  });

  it("pins decryption to a key of its own, whatever the message names", async () => {
    const { sent, keys } = answering({ Plaintext: new Uint8Array(32), KeyId: arn });
    await keys.unwrapDataKey(new Uint8Array(10), arn, { tenant: "blue" });
    expect(sent[0]?.input).toMatchObject({ KeyId: "alias/models", EncryptionContext: { tenant: "blue" } });
    await expect(keys.unwrapDataKey(new Uint8Array(10), `${arn}-evil`, {})).rejects.toMatchObject({
      code: "DECRYPTION_FAILED",
    });
    expect(sent[1]?.input).toMatchObject({ KeyId: "alias/models" });
  });

  it.each([
    ["InvalidCiphertextException", {}, "DECRYPTION_FAILED"],
    ["IncorrectKeyException", {}, "DECRYPTION_FAILED"],
    ["AccessDeniedException", { message: "User: x is not authorized to perform: kms:Decrypt" }, "KMS_REFUSED"],
    ["AccessDeniedException", { message: "The ciphertext refers to a key that does not exist" }, "DECRYPTION_FAILED"],
    ["DisabledException", {}, "KMS_REFUSED"],
    ["NotFoundException", {}, "KMS_REFUSED"],
    ["ThrottlingException", {}, "KMS_UNAVAILABLE"],
    ["KMSInternalException", { $fault: "server", $metadata: { httpStatusCode: 500 } }, "KMS_UNAVAILABLE"],
    ["ECONNREFUSED", { $fault: undefined, $metadata: {} }, "KMS_UNAVAILABLE"],
  ])("tells %s as what it means", async (name, more, code) => {
    const { keys } = answering(fault(name, more));
    await expect(keys.unwrapDataKey(new Uint8Array(10), arn, {})).rejects.toMatchObject({ code });
  });

  it("refuses answers that are not data keys", async () => {
    const { keys } = answering({ Plaintext: new Uint8Array(16), KeyId: arn, CiphertextBlob: new Uint8Array(1) });
    await expect(keys.generateDataKey({})).rejects.toMatchObject({ code: "KMS_UNAVAILABLE" });
    await expect(keys.unwrapDataKey(new Uint8Array(1), arn, {})).rejects.toMatchObject({ code: "DECRYPTION_FAILED" });
  });

  it("names the library that is missing, and a key that is not named", async () => {
    const absent = (): Promise<KmsCommands> => Promise.reject(new Error("ERR_MODULE_NOT_FOUND"));
    await expect(loadKmsCommands(absent)).rejects.toMatchObject({
      code: "LIBRARY_MISSING",
      message: expect.stringContaining("@aws-sdk/client-kms@^3") as string,
    });
    expect(() => awsKms({ client: answering({}).keys as never, keyId: "" })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});
