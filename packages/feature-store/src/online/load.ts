import { featureStoreError } from "../errors.ts";

/** Imports a store's library on first use. @throws ENGINE_NOT_INSTALLED */
export async function loadLibrary<Library>(
  name: string,
  range: string,
  load: () => Promise<Library>,
): Promise<Library> {
  try {
    return await load();
  } catch (cause) {
    throw featureStoreError("ENGINE_NOT_INSTALLED", { package: name, range }, { cause });
  }
}
