import tseslint from "typescript-eslint";

export default tseslint.config(
  {
    ignores: [
      "src/onnx/schema-data.ts",
      "src/ops/operator-facts-data.ts",
      "build/",
      "dist/",
      "node_modules/",
      "fixtures/",
      "coverage/",
      "bench/out/",
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: "./tsconfig.test.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "max-len": ["error", { code: 120, ignoreUrls: true, ignoreRegExpLiterals: true }],
      "max-lines": ["warn", { max: 300, skipComments: true, skipBlankLines: true }],
      "max-lines-per-function": ["warn", { max: 60, skipComments: true, skipBlankLines: true }],
      "no-console": "error",
      "no-restricted-properties": [
        "error",
        { object: "process", property: "exit", message: "only the CLI ends the process" },
      ],
      // Indexed access is checked by noUncheckedIndexedAccess; inner loops assert what their bounds prove.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      "@typescript-eslint/prefer-for-of": "off",
      // Datasets are asynchronous, also where the samples are at hand.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/prefer-reduce-type-parameter": "off",
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "@typescript-eslint/unified-signatures": "off",
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/no-invalid-void-type": "off",
    },
  },
  { files: ["src/cli/**"], rules: { "no-console": "off", "no-restricted-properties": "off" } },
  { files: ["src/runtime/child.ts"], rules: { "no-restricted-properties": "off" } },
  {
    files: ["bench/**", "test/**", "scripts/**", "examples/**"],
    rules: {
      "no-console": "off",
      "max-lines": ["warn", { max: 500 }],
      "max-lines-per-function": "off",
      "no-restricted-properties": "off",
      "@typescript-eslint/no-unsafe-type-assertion": "off",
    },
  },
  { files: ["**/*.{js,cjs,mjs}"], ...tseslint.configs.disableTypeChecked },
);
