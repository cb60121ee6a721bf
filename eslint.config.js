import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    files: ["insights_lib/page/files/*.js"],
    languageOptions: { globals: { ...globals.browser, Plotly: "readonly" } },
  },
  { files: ["tests/**/*.js"], languageOptions: { globals: globals.node } },
  { ignores: ["insights_lib/page/files/plotly/"] },
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 12],
      eqeqeq: "error",
      "max-lines": ["error", 480], // count.js is all of the definitions in one place
      "max-lines-per-function": ["error", { max: 70, skipComments: true }],
      "max-params": ["error", 6],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
