// The theme of what shows a notebook: JupyterLab and VS Code write it on the body of the document.

const WRITTEN = ["class", "data-jp-theme-light", "data-vscode-theme-kind"];

// light or dark; null where nothing tells.
export function themeAround() {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "true" ? "light" : "dark";
  if (classList.contains("vscode-dark")) return "dark";
  return classList.contains("vscode-light") ? "light" : null;
}

// Calls when the theme is another one, until the signal.
export function followAround(changed, signal) {
  let last = themeAround();
  const observer = new MutationObserver(() => {
    const theme = themeAround();
    if (theme === last) return;
    last = theme;
    changed();
  });
  observer.observe(document.body, { attributes: true, attributeFilter: WRITTEN });
  signal.addEventListener("abort", () => observer.disconnect());
}
