import { globSync } from "node:fs";
import { defineConfig } from "tsup";

/**
 * One build for every package: each source file becomes one file of the same name in `dist`, so that worker entry
 * points stay where `new URL("./worker.js", import.meta.url)` expects them and a stack trace names the real file.
 */
export default defineConfig({
  entry: globSync("src/**/*.ts", { exclude: ["**/*.test.ts", "**/*.test-d.ts"] }),
  format: "esm",
  target: "node22.18",
  platform: "node",
  outDir: "dist",
  clean: true,
  splitting: false,
  sourcemap: true,
  dts: false,
  skipNodeModulesBundle: true,
  removeNodeProtocol: false,
  esbuildPlugins: [
    {
      name: "relative-imports-stay-files",
      setup(build) {
        build.onResolve({ filter: /^\.\.?\// }, (args) =>
          args.kind === "entry-point" ? undefined : { path: args.path.replace(/\.ts$/, ".js"), external: true },
        );
      },
    },
  ],
});
