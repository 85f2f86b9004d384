// Tasks dragged from one state to another; the menu of each card does the same.
import { post } from "./http.js";
import { refresh } from "./refresh.js";
import { loadSortable } from "./stages.js";
import { announce, toast } from "./toast.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export async function upgrade() {
  const lists = document.querySelectorAll("[data-task-board] [data-state]");
  if (!lists.length) return;
  const Sortable = await loadSortable();
  for (const list of lists) {
    if (Sortable.get(list)) continue;
    Sortable.create(list, {
      group: "tasks", sort: false, draggable: ".task-card", filter: ".menu", preventOnFilter: false, animation: calm.matches ? 0 : 140,
      forceFallback: true, fallbackOnBody: true, fallbackTolerance: 4, delay: 220, delayOnTouchOnly: true, touchStartThreshold: 6,
      emptyInsertThreshold: 24, ghostClass: "drag-ghost", fallbackClass: "drag-fly", onStart: begin, onEnd: end,
    });
  }
}

let origin;

function begin({ item, from }) {
  const next = item.nextElementSibling;
  origin = () => from.insertBefore(item, next?.parentElement === from ? next : null);
}

/** Shown at once; put back with a word when it is refused. */
async function end({ item, from, to }) {
  if (from === to) return;
  const restore = origin;
  const reply = await post(`/activities/${item.dataset.id}/status`, { status: to.dataset.state });
  if (!reply.ok) {
    restore();
    return toast({ kind: "danger", text: `It stays where it was. ${reply.message}` });
  }
  announce(`${item.querySelector(".act-subject").textContent}: ${to.dataset.name}`);
  refresh();
}
