// Blocking and classic on purpose: the theme must stand before the first paint.
// The server writes the person's choice to <html data-theme>; "auto" follows the system, also when it changes.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const choice = root.dataset.theme;
    root.dataset.bsTheme = choice === "dark" || (choice === "auto" && dark.matches) ? "dark" : "light";
  };
  root.dataset.js = "";
  try {
    if (localStorage.getItem("sidebar") === "folded") root.dataset.sidebar = "folded";
  } catch { /* storage may be forbidden; the sidebar is then simply open */ }
  apply();
  dark.addEventListener("change", () => {
    apply();
    document.dispatchEvent(new CustomEvent("theme:change"));
  });
})();
