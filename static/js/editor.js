// Rich text: Trix, loaded only where an editor is. No attachments: files have their own place on a record.
const load = (tag, attributes) => new Promise((resolve, reject) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.onload = resolve;
  element.onerror = reject;
  document.head.append(element);
});
const asset = (path) => new URL(`../vendor/${path}`, import.meta.url).href;

document.addEventListener("trix-file-accept", (event) => event.preventDefault());
document.addEventListener("trix-initialize", ({ target }) => {
  for (const group of target.toolbarElement?.querySelectorAll('[data-trix-button-group="file-tools"]') ?? []) group.remove();
});
// Ctrl-Enter sends, as in every composer.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest?.("trix-editor")?.closest("form")?.requestSubmit();
});

load("link", { rel: "stylesheet", href: asset("trix.css") }).catch(() => {});
load("script", { src: asset("trix.min.js") });
