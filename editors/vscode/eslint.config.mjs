import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "target/", "test/**/*.mjs", "scripts/*.mjs", "media/*.js", "eslint.config.mjs"] },
  ...tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  { rules: { "no-control-regex": "error", "@typescript-eslint/no-invalid-void-type": "off",
      // The interfaces of the editor are classes that are meant to be met by shape.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off" } },
);
