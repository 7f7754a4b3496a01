/** What is needed of a `ContainerClient` of `@azure/storage-blob` 12. */
export interface AzureContainer {
  readonly containerName: string;
  getBlockBlobClient(name: string): AzureBlob;
  listBlobsFlat(options: { readonly prefix: string; readonly abortSignal?: AbortSignal }): {
    byPage(settings: { readonly maxPageSize: number }): AsyncIterable<AzurePage>;
  };
}

/** What is needed of a `BlockBlobClient`. */
export interface AzureBlob {
  upload(body: Uint8Array, length: number, options: AzureWriteOptions): Promise<AzureFacts>;
  stageBlock(id: string, body: Uint8Array, length: number, options: AzureOptions): Promise<unknown>;
  commitBlockList(ids: string[], options: AzureWriteOptions): Promise<AzureFacts>;
  download(offset: number, count: number | undefined, options: AzureOptions): Promise<AzureDownload>;
  getProperties(options: AzureOptions): Promise<AzureFacts & { readonly metadata?: Record<string, string> }>;
  deleteIfExists(options: AzureOptions): Promise<unknown>;
}

export interface AzureOptions {
  readonly abortSignal?: AbortSignal;
}

export interface AzureWriteOptions extends AzureOptions {
  conditions?: { ifNoneMatch?: string; ifMatch?: string };
  metadata?: Record<string, string>;
}

export interface AzureFacts {
  readonly etag?: string;
  readonly lastModified?: Date;
  readonly contentLength?: number;
  readonly contentRange?: string;
}

export interface AzureDownload extends AzureFacts {
  readonly readableStreamBody?: NodeJS.ReadableStream;
}

export interface AzurePage {
  readonly segment: {
    readonly blobItems: readonly { readonly name: string; readonly properties: AzureFacts }[];
  };
}
