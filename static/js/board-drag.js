// Dragging with mouse and touch (SortableJS), and the bar of Won / Lost / Move to pipeline that shows meanwhile.
import { announce } from "./toast.js";
import { cardsIn, held, nameOf, placeOf, release } from "./board-cards.js";
import { confirmMove, lose, repipe, win } from "./board-moves.js";

const ZONES = { won: win, lost: lose, pipeline: repipe };
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let origin;
let cancelled = false;

export function startDrag(board) {
  for (const zone of document.querySelectorAll("[data-drop-zone]")) {
    window.Sortable.create(zone, { group: { name: "deals", pull: false, put: true }, sort: false, draggable: "[data-deal-id]", animation: 0 });
  }
  makeSortable(board);
  new MutationObserver(() => makeSortable(board)).observe(board, { childList: true });
  document.addEventListener("htmx:after:swap", () => makeSortable(board));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !origin) return;
    cancelled = true;
    document.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  });
}

function makeSortable(board) {
  for (const list of board.querySelectorAll(".cards")) {
    if (window.Sortable.get(list)) continue;
    window.Sortable.create(list, {
      // Into another row, too: what makes the row changes with it.
      group: { name: "deals" },
      draggable: "[data-deal-id]",
      filter: "[data-deal-menu], .quick-add",
      preventOnFilter: false,
      animation: calm.matches ? 0 : 140,
      // Own drag image instead of the browser's: the same look everywhere, and it scrolls columns on touch too.
      forceFallback: true,
      fallbackOnBody: true,
      fallbackTolerance: 4,
      delay: 220,
      delayOnTouchOnly: true,
      touchStartThreshold: 6,
      emptyInsertThreshold: 24,
      scroll: true,
      forceAutoScrollFallback: true,
      scrollSensitivity: 56,
      scrollSpeed: 14,
      ghostClass: "drag-ghost",
      fallbackClass: "drag-fly",
      onStart: begin,
      onEnd: end,
    });
  }
}

function begin({ item, from, oldDraggableIndex }) {
  const next = cardsIn(from).filter((card) => card !== item)[oldDraggableIndex];
  origin = placeOf(item);
  const { restore } = origin;
  origin.restore = () => (next?.parentElement === from ? from.insertBefore(item, next) : restore());
  cancelled = false;
  held.add(item.dataset.dealId);
  document.body.classList.add("dragging");
  announce(`Dragging ${nameOf(item)}.`);
}

function end({ item, to, from, oldDraggableIndex, newDraggableIndex }) {
  const start = origin;
  origin = undefined;
  document.body.classList.remove("dragging");
  release(item.dataset.dealId);
  const zone = to.dataset.dropZone;
  if (zone || cancelled) start.restore();
  if (cancelled) return announce(`Cancelled. ${nameOf(item)} is back where it was.`);
  if (zone) return ZONES[zone](item);
  if (to !== from || oldDraggableIndex !== newDraggableIndex) confirmMove(item, start);
}
