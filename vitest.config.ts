import { defineConfig } from "vitest/config";

// Without "import", which would be given to `require` too: a CommonJS library would get the ESM file of another.
const conditions = ["@ashlar/source", "node"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: "forks",
    maxWorkers: 2,
    execArgv: ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: "packages", include: ["packages/*/{src,test}/**/*.test.ts"], typecheck: { enabled: false } },
      },
      { extends: true, test: { name: "apps", include: ["apps/*/{src,test}/**/*.test.ts"], testTimeout: 120_000 } },
      {
        extends: true,
        test: {
          name: "tooling",
          include: ["tooling/**/*.test.ts"],
          exclude: ["tooling/install-alone.test.ts"],
          testTimeout: 120_000,
        },
      },
      { extends: true, test: { name: "install", include: ["tooling/install-alone.test.ts"] } },
      { extends: true, test: { name: "interop", include: ["interop/**/*.test.ts"], testTimeout: 300_000 } },
    ],
  },
});
