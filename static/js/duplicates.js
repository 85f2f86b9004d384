// The queue of duplicates by keyboard: arrows from pair to pair, Enter opens the two side by side, X says they are not the same.
const actionOf = (pair) => pair?.querySelector("[data-merge]") ?? pair?.querySelector("[data-dismiss]");

export function upgrade(root) {
  for (const list of root.querySelectorAll("[data-duplicates]:not([data-ready])")) start(list);
}

function start(list) {
  list.dataset.ready = "true";
  const pairs = () => [...list.querySelectorAll(":scope > li")];
  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = event.target.closest("li");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      actionOf(pairs()[pairs().indexOf(here) + step])?.focus();
    } else if (event.key.toLowerCase() === "x") {
      here?.querySelector("[data-dismiss]")?.click();
    }
  });
  // What is judged goes; the next one is at hand.
  let next = null;
  list.addEventListener("htmx:before:request", (event) => {
    const here = event.target.closest("li");
    next = here?.nextElementSibling ?? here?.previousElementSibling;
  });
  new MutationObserver(() => {
    if (!pairs().length) return location.reload();
    if (next && (document.activeElement === document.body || !document.activeElement)) actionOf(next)?.focus();
  }).observe(list, { childList: true });
  if (document.activeElement === document.body) actionOf(pairs()[0])?.focus({ preventScroll: true });
}
