import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { concurrently } from "./concurrently.ts";
import type { Digest } from "./digest.ts";
import { chunked, maxPacks, type MergePlan, planMerge, worthMerging } from "./merge-plan.ts";
import { encodeMultiPackIndex, type MultiPackIndex, prefixBytes } from "./multi-pack-index.ts";
import type { PackCatalog } from "./pack-catalog.ts";
import { multiPackIndexAt } from "./places.ts";

interface CallOptions {
  readonly signal?: AbortSignal;
}

const callsAtOnce = 16;

/**
 * Makes multi-pack indexes of packs that have none, and larger ones of small ones. An index is named by what it says, and is
 * put before those it takes the place of are deleted: several processes may merge at once, and be killed at any call. What
 * is lost at worst is an index, and with it the time to read those of its packs.
 */
export class MultiPackIndexes {
  readonly #objects: ObjectStore;
  readonly #catalog: PackCatalog;
  #isMerging = false;

  constructor(objects: ObjectStore, catalog: PackCatalog) {
    this.#objects = objects;
    this.#catalog = catalog;
  }

  /** Merges once this process knows of many packs that have no index. */
  async mergeMany(options: CallOptions = {}): Promise<void> {
    const { alone, damaged } = this.#catalog;
    if (alone.size - damaged.size >= worthMerging) await this.mergeAll(options);
  }

  /**
   * Merges what is worth it, and deletes indexes that are of no use; nothing while this process is at it already. That a store
   * refuses it is no failure of who puts or collects packs: the next one tries again.
   */
  async mergeAll(options: CallOptions = {}): Promise<void> {
    if (this.#isMerging) return;
    this.#isMerging = true;
    try {
      await this.#merge(options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isAshlarError(error)) throw error;
    } finally {
      this.#isMerging = false;
    }
  }

  async #merge(options: CallOptions): Promise<void> {
    await this.#catalog.findCommon(options);
    const plan = await this.#plan();
    // Before the put: what is damaged may be the very index that is put now.
    await this.#delete(this.#catalog.unreadable, options);
    if (plan.isWorthIt) {
      for (const part of chunked(await this.#prefixesOf(plan.absorbed, options), maxPacks)) {
        const { digest, bytes } = encodeMultiPackIndex(part);
        await this.#objects.put(multiPackIndexAt(digest), bytes, options);
      }
    }
    const useless = [...plan.surplus, ...plan.absorbed].map(({ digest }) => digest);
    await this.#delete(useless, options);
    await this.#catalog.findCommon(options);
  }

  /** What to merge, all of it read: what turns out to be damaged, or gone, is planned without. */
  async #plan(): Promise<MergePlan<MultiPackIndex>> {
    for (;;) {
      const { there, common, damaged } = this.#catalog;
      const plan = planMerge(common, new Set([...there].filter((pack) => !damaged.has(pack))));
      await concurrently(plan.isWorthIt ? plan.absorbed : [], callsAtOnce, async (index) => {
        try {
          await index.prepareAll();
        } catch (error) {
          this.#catalog.withdraw(index.digest, error);
        }
      });
      if (this.#catalog.common.length === common.length) return plan;
    }
  }

  async #delete(indexes: Iterable<Digest>, options: CallOptions): Promise<void> {
    await concurrently([...indexes], callsAtOnce, async (digest) => {
      await this.#objects.delete(multiPackIndexAt(digest), options);
      this.#catalog.forgetCommon(digest);
    });
  }

  async #prefixesOf(absorbed: readonly MultiPackIndex[], options: CallOptions): Promise<Map<Digest, Buffer>> {
    const { alone, there } = this.#catalog;
    const found = new Map<Digest, Buffer>();
    for (const index of absorbed) {
      for (const [pack, prefixes] of index.prefixes()) if (there.has(pack)) found.set(pack, prefixes);
    }
    await concurrently([...alone], callsAtOnce, async (pack) => {
      const index = await this.#catalog.index(pack, options);
      if (index !== undefined) found.set(pack, index.prefixes(prefixBytes));
    });
    return found;
  }
}
