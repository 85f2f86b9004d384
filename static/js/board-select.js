// Several cards at once. A click with Ctrl (or Cmd) adds a card or takes it away, one with Shift takes all between; X does the same at the
// keyboard, Shift and an arrow extend, Escape lets go. What is chosen is sent to the same bulk actions as a list's ticked rows.
import { announce } from "./toast.js";
import { cardById, cardsIn, nameOf } from "./board-cards.js";

const chosen = new Set();
let board;
let bar;
let anchor; // where a range begins

export function startSelecting(root) {
  bar = document.getElementById("board-bulk");
  if (!bar) return;
  board = root;
  // Before anything else: a click that chooses neither opens the deal nor starts a drag.
  board.addEventListener("click", onClick, true);
  board.addEventListener("pointerdown", (event) => { if (chooses(event)) event.stopPropagation(); }, true);
  board.addEventListener("mousedown", (event) => { if (chooses(event)) event.stopPropagation(); }, true);
  board.addEventListener("keydown", onKey, true);
  bar.querySelector("[data-clear]").addEventListener("click", () => { clear(); cardById(anchor ?? "")?.focus(); });
  bar.addEventListener("submit", fill);
  new MutationObserver(paint).observe(board, { childList: true, subtree: true });
}

const cardOf = (event) => event.target.closest?.("[data-deal-id]");
const chooses = (event) => (event.ctrlKey || event.metaKey || event.shiftKey) && event.button === 0 && cardOf(event) && !event.target.closest("[data-deal-menu]");

function onClick(event) {
  if (!chooses(event)) return;
  event.preventDefault();
  event.stopPropagation();
  const card = cardOf(event);
  if (event.shiftKey) range(card);
  else toggle(card);
  card.focus({ preventScroll: true });
}

function onKey(event) {
  const card = cardOf(event);
  if (!card || event.target !== card || card.classList.contains("picked")) return;
  const all = cardsIn(card.parentElement);
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.key.toLowerCase() === "x" && !event.ctrlKey && !event.metaKey && !event.altKey) toggle(card);
  else if (event.shiftKey && step) {
    const other = all[all.indexOf(card) + step];
    if (!chosen.has(card.dataset.dealId)) toggle(card, true);
    if (other) { toggle(other, true); other.focus({ preventScroll: true }); other.scrollIntoView({ block: "nearest" }); }
  } else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) {
    for (const other of all) chosen.add(other.dataset.dealId);
    changed();
  } else if (event.key === "Escape" && chosen.size) clear();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function toggle(card, on = !chosen.has(card.dataset.dealId)) {
  if (on) chosen.add(card.dataset.dealId);
  else chosen.delete(card.dataset.dealId);
  anchor = card.dataset.dealId;
  changed(`${nameOf(card)} ${on ? "chosen" : "let go"}. `);
}

/** From the last card that was chosen to this one, in its column. */
function range(card) {
  const all = cardsIn(card.parentElement);
  const from = all.findIndex((other) => other.dataset.dealId === anchor);
  const to = all.indexOf(card);
  if (from < 0) return toggle(card, true);
  for (const other of all.slice(Math.min(from, to), Math.max(from, to) + 1)) chosen.add(other.dataset.dealId);
  changed();
}

function clear() {
  chosen.clear();
  changed("Nothing is chosen. ");
}

function changed(words = "") {
  paint();
  announce(`${words}${chosen.size ? `${chosen.size} chosen.` : ""}`);
}

/** Cards that are drawn anew stay chosen; those that left the board do not. */
function paint() {
  for (const id of chosen) if (!cardById(id)) chosen.delete(id);
  for (const card of board.querySelectorAll("[data-deal-id]")) {
    const on = chosen.has(card.dataset.dealId);
    if (card.classList.contains("chosen") === on) continue;
    card.classList.toggle("chosen", on);
    card.querySelector("[data-chosen]")?.remove();
    if (on) {
      const word = document.createElement("span");
      word.className = "vh";
      word.dataset.chosen = "";
      word.textContent = "Chosen";
      card.querySelector(".deal-name").after(word);
    }
  }
  bar.hidden = chosen.size === 0;
  bar.querySelector("[data-selected-count]").textContent = chosen.size === 1 ? "1 deal" : `${chosen.size} deals`;
}

function fill() {
  for (const old of bar.querySelectorAll("input[name=ids]")) old.remove();
  const ids = document.createElement("input");
  ids.type = "hidden";
  ids.name = "ids";
  ids.value = [...chosen].join(",");
  bar.append(ids);
}
