// Lists put in order by hand: drag, the up and down buttons, or Alt+arrow on the handle. Saves after every change.
import { post } from "./http.js";
import { announce, toast } from "./toast.js";

const ready = new WeakSet();
let sortable;

export function upgrade(root = document) {
  for (const list of root.querySelectorAll("[data-sortable]")) {
    if (ready.has(list)) continue;
    ready.add(list);
    wire(list);
  }
}

const rows = (list) => [...list.querySelectorAll(":scope > [data-id]")];
const ids = (rows) => rows.map((row) => row.dataset.id).join(",");

async function wire(list) {
  let saved = rows(list);
  // One at a time: each says what the one before it left.
  let saving = Promise.resolve();
  const save = () => { setEnds(list); saving = saving.then(send); };
  const send = async () => {
    const wanted = rows(list);
    // What it was before goes along: the server refuses when somebody else has ordered it meanwhile.
    const reply = await post(list.dataset.url, { order: ids(wanted), was: ids(saved) });
    if (reply.ok) return void (saved = wanted);
    list.append(...saved);
    setEnds(list);
    toast({ kind: "danger", text: `The order was not saved. ${reply.message}` });
  };
  const shift = (row, step, focus) => {
    const all = rows(list);
    const other = all[all.indexOf(row) + step];
    if (!other) return;
    if (step < 0) other.before(row); else other.after(row);
    (focus.disabled ? row.querySelector("[data-handle]") : focus).focus();
    announce(`Position ${rows(list).indexOf(row) + 1} of ${all.length}`);
    save();
  };
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-up], [data-down]");
    if (button) { event.preventDefault(); shift(button.closest("[data-id]"), button.hasAttribute("data-up") ? -1 : 1, button); }
  });
  list.addEventListener("keydown", (event) => {
    if (!event.target.matches("[data-handle]") || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    shift(event.target.closest("[data-id]"), event.key === "ArrowUp" ? -1 : 1, event.target);
  });
  setEnds(list);
  const Sortable = await loadSortable();
  Sortable.create(list, { draggable: "[data-id]", handle: "[data-handle]", animation: 120, forceFallback: true, fallbackTolerance: 3, ghostClass: "sort-ghost",
    onEnd: (event) => { if (event.oldDraggableIndex !== event.newDraggableIndex) save(); } });
}

function setEnds(list) {
  const all = rows(list);
  all.forEach((row, i) => {
    for (const up of row.querySelectorAll("[data-up]")) up.disabled = i === 0;
    for (const down of row.querySelectorAll("[data-down]")) down.disabled = i === all.length - 1;
  });
}

export function loadSortable() {
  if (window.Sortable) return Promise.resolve(window.Sortable);
  sortable ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/sortable.min.js", import.meta.url).href;
    script.onload = () => resolve(window.Sortable);
    script.onerror = reject;
    document.head.append(script);
  });
  return sortable;
}
