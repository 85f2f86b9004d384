// The filter builder and the column chooser, in a dialog over the list. Their pages work without this; it only saves the reload.
import { get, parse } from "./http.js";
import { announce, toast } from "./toast.js";

const ready = new WeakSet();

export function upgrade(root = document) {
  for (const list of root.querySelectorAll("[data-columns]")) if (!ready.has(list)) { ready.add(list); order(list); }
}

document.addEventListener("click", async (event) => {
  const opener = event.target.closest("[data-open-panel]");
  const dialog = document.querySelector("[data-list-panel]");
  if (opener && dialog && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    opener.closest("details")?.removeAttribute("open");
    if (await fill(opener.href) && !dialog.open) dialog.showModal();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest?.("[data-filter-builder]");
  if (!form) return;
  event.preventDefault();
  const query = new URLSearchParams(new FormData(form, event.submitter));
  const focused = document.activeElement?.id;
  fill(`${form.getAttribute("action")}?${query}`, focused);
});

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-filter-builder] [data-rebuild]")) return;
  const form = event.target.form;
  form.requestSubmit(form.querySelector("[name=do][value=show]"));
});

/** Puts the form in its place, and the focus where it was or on what is new. */
async function fill(url, focused = "") {
  const reply = await get(url);
  const body = document.getElementById("list-panel-body");
  if (!reply.ok || !body) {
    toast({ kind: "danger", text: reply.message });
    return false;
  }
  if (!reply.html.trim()) return false; // leads elsewhere
  body.replaceChildren(parse(reply.html));
  const form = body.querySelector("form");
  const title = document.getElementById("list-panel-title");
  const told = body.querySelector("[data-panel-title]");
  if (title && told) title.textContent = told.dataset.panelTitle;
  if (body.querySelector("[data-sortable]")) import("./stages.js").then((module) => module.upgrade(body));
  upgrade(body);
  if (form?.querySelector("[data-combobox]")) import("./combobox.js").then((module) => module.upgrade(form));
  const target = body.querySelector("[data-new], [aria-invalid=true]") ?? document.getElementById(focused) ?? body.querySelector("select, input:not([type=hidden]), a, button");
  target?.focus({ preventScroll: !body.querySelector("[data-new]") });
  return true;
}

/* ── columns in order: buttons, Alt and an arrow, drag ── */
function order(list) {
  const rows = () => [...list.querySelectorAll(":scope > [data-id]")];
  const shift = (row, step, focus) => {
    const other = rows()[rows().indexOf(row) + step];
    if (!other || other.dataset.id === "name") return;
    if (step < 0) other.before(row); else other.after(row);
    focus.focus();
    announce(`${row.textContent.trim()}: position ${rows().indexOf(row) + 1} of ${rows().length}`);
  };
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-up], [data-down]");
    if (!button) return;
    event.preventDefault();
    shift(button.closest("[data-id]"), button.hasAttribute("data-up") ? -1 : 1, button);
  });
  list.addEventListener("keydown", (event) => {
    if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    shift(event.target.closest("[data-id]"), event.key === "ArrowUp" ? -1 : 1, event.target);
  });
  import("./stages.js").then(async ({ loadSortable }) => {
    const Sortable = await loadSortable();
    Sortable.create(list, { draggable: "[data-id]:not([data-id=name])", handle: "[data-handle]", animation: 120, forceFallback: true, fallbackTolerance: 3, ghostClass: "sort-ghost" });
  });
}
