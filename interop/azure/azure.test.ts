import { BlobServiceClient, type ContainerClient, StorageRetryPolicyType } from "@azure/storage-blob";
import { describeObjectStore } from "@ashlar/core/testing";
import { azureBlob, type AzureContainer } from "@ashlar/storage/azure";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { type CuttingProxy, startCuttingProxy } from "../s3/cutting-proxy.ts";
import { describeDroppedConnections } from "../dropped-connections.ts";
import { describePacks } from "../packs.ts";
import { azurite, type Azurite, startAzurite } from "./azurite.ts";

// Against Azurite, Microsoft's emulator. What it does not show: the order in which the service lists names, a
// hierarchical namespace, throttling, and what the service makes of segments that end in a dot.
const mebibyte = 1024 * 1024;

describe.skipIf(azurite === undefined && process.env["CI"] === undefined)(
  `Blob Storage of Azurite (${azurite === undefined ? "ASHLAR_AZURITE is not set" : "found"})`,
  () => {
    let server: Azurite;
    let service: BlobServiceClient;
    let containers = 0;

    beforeAll(async () => {
      server = await startAzurite();
      service = BlobServiceClient.fromConnectionString(server.connectionString, {
        retryOptions: { retryPolicyType: StorageRetryPolicyType.FIXED, maxTries: 2, retryDelayInMs: 10 },
      });
    }, 60_000);

    afterAll(async () => server?.[Symbol.asyncDispose]());

    const newContainer = async (): Promise<ContainerClient> => {
      const client = service.getContainerClient(`container-${++containers}`);
      await client.create();
      return client;
    };

    describeObjectStore("azure", {
      create: async () => azureBlob({ client: await newContainer(), partSize: 4 * mebibyte, pageSize: 400 }),
      capabilities: { conditionalPut: true, rangeRead: true },
    });

    it("stages no more than the blocks on their way and one more, and leaves nothing of what was broken off", async () => {
      const client = await newContainer();
      const store = azureBlob({ client, partSize: mebibyte, concurrency: 2, prefix: "team/blue" });
      let left = 9;
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        if (left-- > 0) controller.enqueue(new Uint8Array(mebibyte));
        else controller.error(new Error("the sender went away"));
      };
      const body = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
      await expect(store.put("k", body)).rejects.toThrow("the sender went away");
      expect(await store.head("k")).toBeUndefined();
      await expect(store.get("k")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    });

    it("decides two uploads in blocks of one key", async () => {
      const client = await newContainer();
      const store = azureBlob({ client, partSize: mebibyte });
      const puts = [1, 2, 3].map((n) => store.put("k", new Uint8Array(3 * mebibyte).fill(n), { ifAbsent: true }));
      const outcomes = await Promise.allSettled(puts);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
      const refusal = expect.objectContaining({ code: "PRECONDITION_FAILED" }) as unknown;
      expect(reasons).toEqual([refusal, refusal]);
      const content = await (await store.get("k")).bytes();
      expect(content.byteLength).toBe(3 * mebibyte);
      expect(content.every((byte) => byte === content[0])).toBe(true);
    });

    it("knows its own write when it is made twice", async () => {
      const client = await newContainer();
      const twice: AzureContainer = {
        containerName: client.containerName,
        listBlobsFlat: (options) => client.listBlobsFlat(options),
        getBlockBlobClient(name) {
          const blob = client.getBlockBlobClient(name);
          const once = blob.upload.bind(blob);
          const upload: typeof blob.upload = async (body, length, options) => {
            await once(body, length, options);
            return once(body, length, options);
          };
          return Object.assign(blob, { upload });
        },
      };
      const store = azureBlob({ client: twice });
      const { etag } = await store.put("k", new Uint8Array(1), { ifAbsent: true });
      expect((await store.head("k"))?.etag).toBe(etag);
      const lost = store.put("k", new Uint8Array(2), { ifAbsent: true });
      await expect(lost).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    });

    describe("behind a network that cuts connections", () => {
      let proxy: CuttingProxy;
      beforeAll(async () => {
        proxy = await startCuttingProxy(server.endpoint);
      });
      afterAll(async () => proxy?.[Symbol.asyncDispose]());

      describeDroppedConnections(async () => {
        const client = await newContainer();
        const elsewhere = server.connectionString.replace(server.endpoint, proxy.endpoint);
        const impatient = { retryOptions: { maxTries: 1 } };
        const once = BlobServiceClient.fromConnectionString(elsewhere, impatient).getContainerClient(
          client.containerName,
        );
        const options = { partSize: mebibyte, pageSize: 2, concurrency: 1 };
        const large = Uint8Array.from({ length: 2.5 * mebibyte }, (_, n) => (n * 13 + (n >> 10)) & 0xff);
        return {
          through: azureBlob({ ...options, client: once }),
          direct: azureBlob({ ...options, client }),
          proxy,
          large,
        };
      });

      describe("packs of small blobs", () => {
        describePacks(async () => {
          const client = await newContainer();
          const elsewhere = server.connectionString.replace(server.endpoint, proxy.endpoint);
          const impatient = { retryOptions: { maxTries: 1 } };
          const once = BlobServiceClient.fromConnectionString(elsewhere, impatient);
          const through = azureBlob({ client: once.getContainerClient(client.containerName) });
          const place = { connectionString: server.connectionString, container: client.containerName };
          return { through, direct: azureBlob({ client }), proxy, place };
        });
      });
    });

    it("names a container that is not there", async () => {
      const store = azureBlob({ client: service.getContainerClient("no-such-container") });
      await expect(store.get("k")).rejects.toMatchObject({ code: "STORE_REFUSED" });
      await expect(store.head("k")).rejects.toMatchObject({ code: "STORE_REFUSED" });
      await expect(store.put("k", new Uint8Array(1))).rejects.toMatchObject({ code: "STORE_REFUSED" });
    });

    it("takes the client of the SDK as it is", () => {
      expectTypeOf<ContainerClient>().toExtend<AzureContainer>();
    });
  },
);
