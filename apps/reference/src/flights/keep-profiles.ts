import type { View } from "@ashlar/feature-store";
import type { FeatureRegistry, ProfileSubject } from "@ashlar/feature-store/registry";
import { type Batches, profile } from "@ashlar/feature-store/validate";

/** Profiles each set of rows, which is read once, and keeps of every view the columns that are its features, under its version. */
export async function keepProfiles(
  registry: FeatureRegistry,
  views: readonly View[],
  sets: Readonly<Partial<Record<ProfileSubject, Batches>>>,
): Promise<void> {
  for (const [of, rows] of Object.entries(sets)) {
    const made = await profile(rows, { columns: views.flatMap(columnsOf) });
    for (const view of views) {
      const columns = Object.fromEntries(
        Object.entries(made.columns).filter(([name]) => columnsOf(view).includes(name)),
      );
      const { name, version } = view;
      await registry.recordProfile({ view: name, version, of: of as ProfileSubject, profile: { ...made, columns } });
    }
  }
}

const columnsOf = (view: View): string[] =>
  Object.keys(view.kind === "view" ? view.features : view.output).map((feature) => `${view.name}:${feature}`);
