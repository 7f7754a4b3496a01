import tseslint from "typescript-eslint";

// Everything else is oxlint's work; these five rules need types.
export default tseslint.config(
  {
    ignores: ["**/dist/**", "**/node_modules/**", "docs/**", "**/.ashlar/**"],
    linterOptions: { reportUnusedDisableDirectives: "off" },
  },
  {
    files: ["packages/*/src/**/*.ts", "apps/*/src/**/*.{ts,tsx}"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/await-thenable": "error",
      // What is returned unawaited out of a block with `await using` outlives what it uses.
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
    },
  },
);
