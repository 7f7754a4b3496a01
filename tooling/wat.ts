// Turns each packages/*/src/**/*.wat into a module of its bytes beside it: node --conditions=@ashlar/source tooling/wat.ts
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const root = join(import.meta.dirname, "..");

/** The module for each WebAssembly text, by the path of the module. */
export async function compiledTexts(): Promise<ReadonlyMap<string, string>> {
  const { parseWat } = await wabt();
  const modules = new Map<string, string>();
  for (const path of globSync("packages/*/src/**/*.wat", { cwd: root }).sort()) {
    const features = { simd: true, threads: true, multi_memory: true, bulk_memory: true };
    const parsed = parseWat(path, readFileSync(join(root, path), "utf8"), features);
    const { buffer } = parsed.toBinary({});
    if (!WebAssembly.validate(Uint8Array.from(buffer))) throw new Error(`${path} is not a valid module`);
    modules.set(path.replace(/\.wat$/, ".wasm.ts"), moduleOf(basename(path), buffer));
    parsed.destroy();
  }
  return modules;
}

function moduleOf(name: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,110}/g) ?? [];
  const text = lines.map((line) => `  "${line}",`).join("\n");
  return `// Made of ${name} by tooling/wat.ts: change the text and run it again.
const base64: readonly string[] = [
${text}
];

/** The bytes of the WebAssembly module. */
export function moduleBytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(base64.join(""), "base64"));
}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of await compiledTexts()) writeFileSync(join(root, path), text);
}
