// The board without a mouse: arrows walk, Space picks up and drops, arrows then move the card, Escape puts it back.
import { announce } from "./toast.js";
import { cardsIn, columnsBeside, held, listBeside, nameOf, placeOf, release, sentinelOf, stageName, whereIs } from "./board-cards.js";
import { confirmMove } from "./board-moves.js";

let picked; // { card, origin, list, next }
let moving = false;

export function startKeyboard(board, canEdit) {
  board.addEventListener("keydown", (event) => {
    const card = event.target;
    if (!card.matches("[data-deal-id]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = action(event, card, canEdit);
    if (!act) return;
    event.preventDefault();
    act();
  });
  // Tabbing or clicking away from a picked-up card puts it back: nothing moves by accident.
  board.addEventListener("focusout", (event) => {
    if (picked && !moving && event.target === picked.card && !picked.card.contains(event.relatedTarget)) cancel();
  });
}

function action(event, card, canEdit) {
  const key = event.key;
  if (key === " ") return canEdit ? () => (picked ? drop() : pickUp(card)) : () => {};
  if (key === "Escape") return picked && cancel;
  if (key === "Enter") return picked ? drop : () => card.querySelector(".deal-name a").click();
  if (picked) return { ArrowUp: () => shift(-1), ArrowDown: () => shift(1), ArrowLeft: () => across(-1), ArrowRight: () => across(1),
    PageUp: () => toRow(-1), PageDown: () => toRow(1) }[key];
  if (key === "m" || key === "ContextMenu" || (key === "F10" && event.shiftKey)) return () => card.dispatchEvent(new CustomEvent("deal:menu", { bubbles: true }));
  return { ArrowUp: () => walk(card, -1), ArrowDown: () => walk(card, 1), ArrowLeft: () => walkAcross(card, -1), ArrowRight: () => walkAcross(card, 1),
    PageUp: () => walkRows(card, -1), PageDown: () => walkRows(card, 1),
    Home: () => focus(cardsIn(card.parentElement)[0]), End: () => focus(cardsIn(card.parentElement).at(-1)) }[key];
}

function focus(card) {
  if (!card) return;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function walk(card, step) {
  const all = cardsIn(card.parentElement);
  const other = all[all.indexOf(card) + step];
  if (other) focus(other); else walkRows(card, step);
}

/** To the nearest card of the same stage in a row above or below. */
function walkRows(card, step) {
  for (let list = listBeside(card.parentElement, step); list; list = listBeside(list, step)) {
    const cards = cardsIn(list);
    if (cards.length) return focus(step < 0 ? cards.at(-1) : cards[0]);
  }
}

/** To the nearest column that has cards, at the same height. */
function walkAcross(card, step) {
  const all = columnsBeside(card);
  const height = card.getBoundingClientRect().top;
  for (let i = all.indexOf(card.closest("[data-stage-id]")) + step; all[i]; i += step) {
    const cards = cardsIn(all[i].querySelector(".cards"));
    if (!cards.length) continue;
    return focus(cards.reduce((best, other) => (distance(other, height) < distance(best, height) ? other : best)));
  }
}
const distance = (card, height) => Math.abs(card.getBoundingClientRect().top - height);

function pickUp(card) {
  picked = { card, origin: placeOf(card), list: card.parentElement, next: card.nextElementSibling };
  held.add(card.dataset.dealId);
  card.classList.add("picked");
  announce(`Picked up ${nameOf(card)}. ${whereIs(card)}. Arrow keys move it, Space drops it, Escape puts it back.`);
}

function shift(step) {
  const { card } = picked;
  const all = cardsIn(card.parentElement);
  const other = all[all.indexOf(card) + step];
  if (!other) return toRow(step);
  put(card, card.parentElement, step < 0 ? other : other.nextElementSibling);
}

/** At either end of a row the next one follows. */
function toRow(step) {
  const { card } = picked;
  const list = listBeside(card.parentElement, step);
  if (!list) return announce(step < 0 ? "At the top." : "At the bottom.");
  put(card, list, step < 0 ? sentinelOf(list) : cardsIn(list)[0] ?? sentinelOf(list));
}

function across(step) {
  const { card } = picked;
  const all = columnsBeside(card);
  const column = all[all.indexOf(card.closest("[data-stage-id]")) + step];
  if (!column) return announce(step < 0 ? "This is the first stage." : "This is the last stage.");
  const list = column.querySelector(".cards");
  const at = cardsIn(card.parentElement).indexOf(card);
  put(card, list, cardsIn(list)[at] ?? sentinelOf(list));
}

function put(card, list, before) {
  moving = true; // taking a node out of the page blurs it
  list.insertBefore(card, before);
  focus(card);
  moving = false;
  announce(whereIs(card));
}

function letGo() {
  const { card } = picked;
  picked = undefined;
  card.classList.remove("picked");
  release(card.dataset.dealId);
}

function drop() {
  const { card, origin, list, next } = picked;
  letGo();
  if (card.parentElement === list && card.nextElementSibling === next) return announce(`${nameOf(card)} stays in ${stageName(list)}.`);
  confirmMove(card, origin);
}

function cancel() {
  const { card, origin } = picked;
  const focused = document.activeElement === card;
  letGo();
  origin.restore();
  if (focused) focus(card);
  announce(`Cancelled. ${nameOf(card)} is back in ${whereIs(card)}.`);
}
