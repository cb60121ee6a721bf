import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    files: ["insights_lib/page/files/script/*.js", "tests/page/*.js"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["insights_lib/page/files/*.js", "tests/numbers/*.js"],
    languageOptions: { globals: globals.node },
  },
  { ignores: ["insights_lib/page/files/plotly/", "**/*.min.js"] },
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 12],
      eqeqeq: "error",
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", { max: 70, skipComments: true }],
      "max-params": ["error", 6],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
