import { isAshlarError } from "@ashlar/core";
import { fileSystem } from "@ashlar/storage/file-system";

// Puts one object of a size, and tells what came of it: `put-once.ts <root> <bytes>`.
const [root = "", bytes = "0"] = process.argv.slice(2);
try {
  await fileSystem({ root }).put("k", new Uint8Array(Number(bytes)).fill(2));
  console.log("done");
} catch (error) {
  console.log(isAshlarError(error) ? error.code : String(error));
}
