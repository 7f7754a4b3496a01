// An object store whose files are unreadable without the key ring, and whose objects cannot trade places.
import { readFile } from "node:fs/promises";
import { isAshlarError } from "@ashlar/core";
import { createEnvelope } from "@ashlar/security/encrypt";
import { localKeyRing } from "@ashlar/security/local-keys";
import { encrypted } from "@ashlar/storage";
import { fileSystem } from "@ashlar/storage/file-system";

const keys = localKeyRing({ path: "./keys.json", create: true });
using cipher = createEnvelope({ keys });
const plain = fileSystem({ root: "./objects" });
const objects = encrypted(plain, { cipher });

await objects.put("models/delay.bin", new TextEncoder().encode("weights nobody may see"));
const onDisk = await readFile("./objects/models/delay.bin");
console.log("on disk:", onDisk.subarray(0, 4).toString(), onDisk.length, "bytes");
console.log("opened: ", new TextDecoder().decode(await (await objects.get("models/delay.bin")).bytes()));

await keys.rotate();
console.log("after a rotation:", (await (await objects.get("models/delay.bin")).bytes()).length, "bytes");

await plain.put("models/other.bin", await (await plain.get("models/delay.bin")).bytes());
try {
  await (await objects.get("models/other.bin")).bytes();
} catch (error) {
  if (!isAshlarError(error, "DECRYPTION_FAILED")) throw error;
  console.log("moved to another key:", error.message);
}
