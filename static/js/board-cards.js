// Where cards are, and where they belong. Positions are strings compared byte by byte, as the server sorts them.
import { applyPartials, parse } from "./http.js";

let board;
/** Ids of cards a person is holding right now: nothing else may touch them. */
export const held = new Set();
/** Called whenever nothing is held any more. */
const whenFree = [];
export const onFree = (run) => whenFree.push(run);
export function release(id) {
  held.delete(id);
  if (!held.size) for (const run of whenFree) run();
}

/** Asks for the whole board anew (board-live.js listens, as it does for the stream's own "refresh"). */
export const refresh = () => document.dispatchEvent(new CustomEvent("refresh"));

export const cardById = (id) => board.querySelector(`[data-deal-id="${CSS.escape(id)}"]`);
export const columnOf = (card) => card.closest("[data-stage-id]");
/** A column's list of cards; where the board has rows, that of the card's row. */
export const listOf = (stage, row) => board.querySelector(`${row ? `[data-row="${CSS.escape(row)}"] ` : ""}[data-stage-id="${CSS.escape(stage)}"] .cards`);
/** The columns beside a card: those of its row. */
export const columnsBeside = (card) => [...(card.closest("[data-row]") ?? board).querySelectorAll("[data-stage-id]")];
/** The row above or below that of a list, in the same stage; null at either end, and where there are no rows. */
export function listBeside(list, step) {
  const row = list.closest("[data-row]");
  const rows = [...board.querySelectorAll("[data-row]")];
  const beside = row && rows[rows.indexOf(row) + step];
  return beside ? listOf(list.closest("[data-stage-id]").dataset.stageId, beside.dataset.row) : null;
}
export const rowOf = (list) => list.closest("[data-row]")?.dataset.row;
/** What a move into that list says of the row it enters; nothing in the row it came from. */
export const rowFields = (list, from) => (rowOf(list) && rowOf(list) !== rowOf(from) ? { rows: board.dataset.rows, row: rowOf(list) } : {});
export const cardsIn = (list) => [...list.querySelectorAll(":scope > [data-deal-id]")];
export const nameOf = (card) => card.dataset.name;
export const stageName = (list) => list.closest("[data-stage-id]").dataset.stageName;
export const sentinelOf = (list) => list.querySelector(":scope > .cards-more");

/** "Proposal, position 3 of 9"; with rows "Proposal, row of High, position 3 of 9" */
export function whereIs(card) {
  const list = card.parentElement;
  const all = cardsIn(list);
  const row = list.closest("[data-row]");
  return `${stageName(list)}${row ? `, row of ${row.dataset.rowName}` : ""}, position ${all.indexOf(card) + 1} of ${all.length}${sentinelOf(list) ? " or more" : ""}`;
}

/** Remembers a place so that a refused move can be taken back, even if neighbours have gone meanwhile. */
export function placeOf(card) {
  const { parentElement: list, nextElementSibling: next } = card;
  return {
    list,
    restore() {
      const target = list.isConnected ? list : listOf(card.dataset.stage, card.dataset.lane);
      if (!target) return;
      target.insertBefore(card, next?.parentElement === target ? next : firstAfter(target, card));
    },
  };
}

/** The neighbour in `list` before which `card` belongs by its position, or null for the end of what is loaded. */
function firstAfter(list, card) {
  const position = card.dataset.position;
  return cardsIn(list).find((other) => other !== card && other.dataset.dealId !== card.dataset.dealId && other.dataset.position > position) ?? sentinelOf(list);
}

/** Puts an authoritative card from the server where it belongs, or takes it away if it is beyond what is loaded (unless `keep`). */
export function settle(fresh, { highlight = false, keep = false } = {}) {
  const old = cardById(fresh.dataset.dealId);
  if (old && held.has(fresh.dataset.dealId)) return;
  const list = listOf(fresh.dataset.stage, fresh.dataset.lane);
  if (!list) return void old?.remove();
  const focus = old?.contains(document.activeElement) ? document.activeElement : null;
  const next = firstAfter(list, fresh);
  if (!keep && next && next === sentinelOf(list) && old?.parentElement !== list && cardsIn(list).length) {
    old?.remove(); // further down than what is loaded: scrolling will bring it
    return;
  }
  const moved = !old || old.parentElement !== list || fresh.dataset.position !== old.dataset.position || !inOrder(old);
  const scroll = list.scrollTop;
  if (old && !moved) old.replaceWith(fresh);
  else { old?.remove(); list.insertBefore(fresh, next); }
  list.scrollTop = scroll;
  upgrade(fresh);
  window.htmx?.process(fresh);
  if (highlight) fresh.classList.add("arrived");
  if (focus) (focus.hasAttribute("data-deal-menu") ? fresh.querySelector("[data-deal-menu]") : fresh).focus({ preventScroll: true });
}

/** Whether a card stands between cards that belong above and below it: where it was dropped is not where an order puts it. */
function inOrder(card) {
  const [above, below] = [card.previousElementSibling, card.nextElementSibling].map((other) => other?.dataset.position);
  return !(above > card.dataset.position) && !(below < card.dataset.position);
}

/** Applies a reply (cards, then heads); returns how many cards and heads it held. */
export function applyReply(html, options) {
  const fragment = parse(html);
  const heads = applyPartials(fragment);
  const fresh = [...fragment.querySelectorAll("[data-deal-id]")];
  for (const card of fresh) settle(document.adoptNode(card), options);
  return { ids: fresh.map((card) => card.dataset.dealId), heads };
}

/* One card is in the tab order at a time (roving tabindex): a board of 200 deals is one stop, arrows do the rest. */
export function rove(card) {
  for (const other of board.querySelectorAll('[data-deal-id][tabindex="0"]')) setStop(other, false);
  setStop(card, true);
}
function setStop(card, on) {
  card.tabIndex = on ? 0 : -1;
  const menu = card.querySelector("[data-deal-menu]");
  if (menu) menu.tabIndex = on ? 0 : -1;
}
export function upgrade(card) {
  setStop(card, false);
  card.querySelector(".deal-name a").tabIndex = -1;
}
export function ensureStop() {
  if (board.querySelector('[data-deal-id][tabindex="0"]')) return;
  const first = board.querySelector("[data-deal-id]");
  if (first) setStop(first, true);
}
export function upgradeAll() {
  const stop = document.activeElement?.closest?.("[data-deal-id]") ?? board.querySelector('[data-deal-id][tabindex="0"]');
  board.querySelectorAll("[data-deal-id]").forEach(upgrade);
  if (stop?.isConnected && board.contains(stop)) setStop(stop, true);
  ensureStop();
}

/** A page loaded by scrolling may bring a card that was moved in meanwhile. */
function dropDoubles(list) {
  const seen = new Set();
  for (const card of cardsIn(list)) {
    if (seen.has(card.dataset.dealId)) card.remove();
    seen.add(card.dataset.dealId);
  }
}

export function startCards(root) {
  board = root;
  upgradeAll();
  board.addEventListener("focusin", (event) => {
    const card = event.target.closest("[data-deal-id]");
    if (card) rove(card);
  });
  new MutationObserver((changes) => {
    let touched = false;
    for (const { target, addedNodes } of changes) {
      for (const node of addedNodes) {
        if (!node.matches?.("[data-deal-id]")) continue;
        touched = true;
        if (!node.hasAttribute("tabindex")) upgrade(node);
      }
      if (addedNodes.length && target.classList?.contains("cards") && !held.size) dropDoubles(target);
    }
    if (touched || changes.some((change) => change.removedNodes.length)) ensureStop();
  }).observe(board, { childList: true, subtree: true });
}
