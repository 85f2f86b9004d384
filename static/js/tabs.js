// Tabs of the composer: links that show one form and hide the others. Without a script they are links to the same page.
const ready = new WeakSet();

export function upgrade(root = document) {
  for (const nav of root.querySelectorAll("[data-tabs]")) {
    if (ready.has(nav)) continue;
    ready.add(nav);
    const links = [...nav.querySelectorAll("[data-tab]")];
    const show = (link) => {
      for (const other of links) {
        const current = other === link;
        if (current) other.setAttribute("aria-current", "true"); else other.removeAttribute("aria-current");
        document.getElementById(other.dataset.tab).hidden = !current;
      }
    };
    nav.addEventListener("click", (event) => {
      const link = event.target.closest("[data-tab]");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      show(link);
      const field = document.getElementById(link.dataset.tab).querySelector("trix-editor, textarea, input[name=subject]");
      field?.focus();
    });
    // From anywhere else on the page.
    document.addEventListener("click", (event) => {
      const opener = event.target.closest("[data-tab-open]");
      const link = opener && links.find((l) => l.dataset.tab.endsWith(opener.dataset.tabOpen));
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      link.click();
      nav.scrollIntoView({ block: "center" });
    });
  }
}
