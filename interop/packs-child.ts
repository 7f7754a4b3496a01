import { BlobServiceClient } from "@azure/storage-blob";
import * as sdk from "@aws-sdk/client-s3";
import type { ObjectStore } from "@ashlar/core";
import { createArtifactStore } from "@ashlar/storage/artifact";
import { azureBlob } from "@ashlar/storage/azure";
import { s3 } from "@ashlar/storage/s3";
import { bodiesOf, type PacksPlace } from "./packs.ts";

// Puts packs, one after another, and says the number of each when it is there: `packs-child.ts <place> <from> <to>`.
const [place = "", from = "0", to = "0"] = process.argv.slice(2);
const store = createArtifactStore({ objects: storeAt(JSON.parse(place) as PacksPlace) });
for (let n = Number(from); n < Number(to); n++) {
  await store.putBlobs(bodiesOf(n));
  process.stdout.write(`${n}\n`);
}

function storeAt(place: PacksPlace): ObjectStore {
  if ("container" in place) {
    const service = BlobServiceClient.fromConnectionString(place.connectionString);
    return azureBlob({ client: service.getContainerClient(place.container) });
  }
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const { endpoint, bucket } = place;
  return s3({ client: new sdk.S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true }), bucket });
}
