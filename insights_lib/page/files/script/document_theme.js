// Light or dark in a document of its own: what the reader once chose is kept there.

export const documentTheme = {
  get kept() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // some browsers keep nothing for files; a choice then lasts as long as the page
    }
  },
  keep(name) {
    try {
      localStorage.setItem("theme", name);
    } catch {
      // as above
    }
  },
  show(name) {
    document.documentElement.dataset.theme = name;
  },
};
