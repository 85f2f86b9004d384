// The "⋯" menu of a card: one menu for the whole board, shown beside the card that asked.
import { placeBeside } from "./dialogs.js";
import { columnOf, rowOf } from "./board-cards.js";
import { lose, moveToRow, moveToStage, repipe, win } from "./board-moves.js";

const menu = document.getElementById("deal-menu");
let card;

export function startMenu(board) {
  board.addEventListener("click", (event) => {
    const button = event.target.closest("[data-deal-menu]");
    if (!button) return;
    event.preventDefault();
    openMenu(button.closest("[data-deal-id]"));
  });
  board.addEventListener("deal:menu", (event) => openMenu(event.target)); // from the keyboard
  // A long press starts a drag: the browser's own menu for links would come up in the middle of it.
  board.addEventListener("contextmenu", (event) => {
    if (event.pointerType === "touch" && event.target.closest("[data-deal-id]")) event.preventDefault();
  });
  menu.addEventListener("click", (event) => {
    const item = event.target.closest("[data-do]");
    if (!item || item.dataset.do === "open") return;
    const chosen = card;
    menu.hidePopover();
    ({ stage: () => moveToStage(chosen, item.dataset.stage), row: () => moveToRow(chosen, item.dataset.toRow), won: () => win(chosen), lost: () => lose(chosen), pipeline: () => repipe(chosen) })[item.dataset.do]();
  });
  menu.addEventListener("keydown", (event) => { if (event.key === "Tab") menu.hidePopover(); });
  menu.addEventListener("toggle", (event) => {
    card?.querySelector("[data-deal-menu]")?.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "closed" && [document.body, null].includes(document.activeElement)) card?.focus({ preventScroll: true });
  });
}

function openMenu(target) {
  card = target;
  const here = columnOf(card).dataset.stageId;
  menu.querySelector('[data-do="open"]').href = card.querySelector(".deal-name a").href;
  for (const item of menu.querySelectorAll('[data-do="stage"]')) item.hidden = item.dataset.stage === here;
  for (const item of menu.querySelectorAll('[data-do="row"]')) item.hidden = item.dataset.toRow === rowOf(card);
  menu.showPopover();
  placeBeside(menu, card.querySelector("[data-deal-menu]").getBoundingClientRect());
  menu.querySelector(".menu-item").focus({ preventScroll: true });
}
