import { execFileSync, spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memoryObjectStore } from "@ashlar/core/memory";
import {
  createModelRegistry,
  exportModel,
  objectStoreArtifacts,
  sqlite,
  verifyModelSignature,
} from "@ashlar/model-registry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const python = process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const script = fileURLToPath(new URL("./check.py", import.meta.url));
const available = existsSync(python) && spawnSync(python, ["-c", "import model_signing"]).status === 0;

// On CI the Python package is mandatory: without it the first request fails.
const run = available || process.env["CI"] !== undefined;

function ask(request: Record<string, string>): { readonly refused?: string | null } {
  const output = execFileSync(python, [script], { input: JSON.stringify(request) });
  return JSON.parse(output.toString()) as { readonly refused?: string | null };
}

/** The tool a user has: everything is said by its exit code. */
function commandLine(...args: string[]): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(python, ["-m", "model_signing", ...args], { encoding: "utf8" });
  return { code: status, output: `${stdout}${stderr}` };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

// Names whose order differs by path components, by UTF-16 units and by code points.
const files: Readonly<Record<string, Uint8Array>> = {
  "model.onnx.json": bytes("{}"),
  "a.b/c": bytes("first by text"),
  "a/b": bytes("first by path"),
  "weights/layer 1.bin": new Uint8Array(100_000).fill(7),
  "weights/\u{1f600}.bin": bytes("astral"),
  "weights/\u{ff5e}.bin": bytes("after the surrogates in UTF-16"),
  'quo"ted': new Uint8Array(),
};

describe.skipIf(!run)("model-signing (python package model-signing at ASHLAR_PYTHON)", () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "ashlar-signing-"))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const keyFiles = (name: string, namedCurve: string): { readonly privateKey: KeyObject; readonly pem: string } => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve });
    const pem = join(folder, `${name}.pem`);
    writeFileSync(pem, publicKey.export({ type: "spki", format: "pem" }));
    writeFileSync(`${pem}.key`, privateKey.export({ type: "pkcs8", format: "pem" }));
    return { privateKey, pem };
  };

  const exported = async (name: string, key: KeyObject): Promise<string> => {
    const artifacts = objectStoreArtifacts(memoryObjectStore());
    const database = sqlite({ path: ":memory:" });
    await using registry = createModelRegistry({ database, artifacts, signing: { key }, trustedKeys: [key] });
    await registry.register("delay", { files, author: "ada" });
    const target = join(folder, name);
    await exportModel(await registry.load("delay/1"), target);
    return target;
  };

  it.for(["P-256", "P-384", "P-521"])("the library verifies an exported model of a %s key", async (curve) => {
    const { privateKey, pem } = keyFiles(curve, curve);
    const model = await exported(`model-${curve}`, privateKey);
    expect(ask({ do: "verify", folder: model, key: pem })).toEqual({ refused: null });
    const other = keyFiles(`${curve}-other`, curve);
    expect(ask({ do: "verify", folder: model, key: other.pem }).refused).toContain("Key mismatch");
  });

  it("its command line accepts an exported model, and refuses it when one byte is flipped or a file added", async () => {
    const { privateKey, pem } = keyFiles("cli", "P-256");
    const model = await exported("model-cli", privateKey);
    const verify = (): ReturnType<typeof commandLine> =>
      commandLine("verify", "key", "--signature", join(model, "model.sig"), "--public_key", pem, model);
    expect(verify()).toMatchObject({ code: 0 });

    const weights = join(model, "weights", "layer 1.bin");
    const content = readFileSync(weights);
    content[50_000]! ^= 1;
    writeFileSync(weights, content);
    expect(verify()).toMatchObject({ code: 1, output: expect.stringContaining("layer 1.bin") as string });
    content[50_000]! ^= 1;
    writeFileSync(weights, content);
    expect(verify()).toMatchObject({ code: 0 });

    writeFileSync(join(model, "extra.py"), "import os");
    expect(verify()).toMatchObject({ code: 1, output: expect.stringContaining("extra.py") as string });
  });

  it.for(["P-256", "P-384", "P-521"])("we verify what the library signed with a %s key", (curve) => {
    const { pem } = keyFiles(`theirs-${curve}`, curve);
    const model = join(folder, `theirs-${curve}`);
    const signed = Object.entries(files).map(([name, content]) => {
      mkdirSync(join(model, name, ".."), { recursive: true });
      writeFileSync(join(model, name), content);
      return { name, digest: `sha256:${createHash("sha256").update(content).digest("hex")}` };
    });
    ask({ do: "sign", folder: model, key: `${pem}.key` });
    const bundle = readFileSync(join(model, "model.sig"));
    const trusted = [readFileSync(pem, "utf8")];
    expect(verifyModelSignature(bundle, { files: signed }, trusted).keyHint).toMatch(/^[0-9a-f]{64}$/);

    const changed = signed.with(0, { ...signed[0]!, digest: `sha256:${"0".repeat(64)}` });
    for (const wrong of [changed, signed.slice(1), [...signed, { ...signed[0]!, name: "extra" }]]) {
      expect(() => verifyModelSignature(bundle, { files: wrong }, trusted)).toThrow(
        expect.objectContaining({ code: "SIGNATURE_INVALID" }) as Error,
      );
    }
  });
});
