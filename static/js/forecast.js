// The forecast: a card dropped in another cell closes in another period or counts in another category. The server says which day that
// is; then the table is fetched anew, since the sums of its head, its row and two cells have moved.
import { placeBeside } from "./dialogs.js";
import { post } from "./http.js";
import { announce, toast } from "./toast.js";

const table = () => document.getElementById("forecast");
const menu = document.getElementById("deal-menu");
const canEdit = table()?.classList.contains("can-edit");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let held; // the card in somebody's hand: { card, list, next }
let sending = 0;
let moving = false;
let stale = false;
let asked; // the card whose menu is open

const cards = (list) => [...list.querySelectorAll(":scope > [data-deal-id]")];
const lists = () => [...table().querySelectorAll("[data-cell]")];
const focus = (card) => card?.focus({ preventScroll: false });

/* ── one card in the tab order ── */
function upgrade() {
  const all = [...table().querySelectorAll("[data-deal-id]")];
  const stop = all.find((card) => card.contains(document.activeElement)) ?? all.find((card) => card.tabIndex === 0) ?? all[0];
  for (const card of all) rove(card, card === stop);
  if (canEdit) for (const list of lists()) sortable(list);
}

function rove(card, on) {
  card.tabIndex = on ? 0 : -1;
  card.querySelector(".deal-name a").tabIndex = -1;
  card.querySelector("[data-deal-menu]").tabIndex = on ? 0 : -1;
}

/* ── moving ── */
function sortable(list) {
  if (!window.Sortable || window.Sortable.get(list)) return;
  window.Sortable.create(list, {
    group: "forecast", sort: false, draggable: "[data-deal-id]", filter: "[data-deal-menu]", preventOnFilter: false,
    animation: calm.matches ? 0 : 140, forceFallback: true, fallbackOnBody: true, fallbackTolerance: 4,
    delay: 220, delayOnTouchOnly: true, touchStartThreshold: 6, emptyInsertThreshold: 24,
    scroll: true, forceAutoScrollFallback: true, scrollSensitivity: 56, scrollSpeed: 14, ghostClass: "drag-ghost", fallbackClass: "drag-fly",
    onMove: ({ to }) => to.dataset.period !== "" || to === held?.list,
    onStart: ({ item, from }) => { pick(item, from); document.body.classList.add("dragging"); },
    onEnd: ({ item }) => { document.body.classList.remove("dragging"); drop(item); },
  });
}

function pick(card, list) {
  held = { card, list, next: card.nextElementSibling };
  announce(`Picked up ${card.dataset.name}, ${list.dataset.label}.`);
}

function putBack() {
  const { card, list, next } = held;
  list.insertBefore(card, next?.parentElement === list ? next : null);
}

/** Clicking or tabbing away from a picked-up card puts it back: nothing moves by accident. */
function cancel() {
  const { card } = held;
  moving = true;
  putBack();
  moving = false;
  card.classList.remove("picked");
  held = undefined;
  announce(`Cancelled. ${card.dataset.name} is back.`);
  if (stale) refetch();
}

function drop(card) {
  const { list: from } = held;
  const to = card.parentElement;
  const place = held;
  held = undefined;
  card.classList.remove("picked");
  if (to === from) {
    announce(`${card.dataset.name} stays in ${from.dataset.label}.`);
    if (stale) refetch();
    return;
  }
  const fields = {};
  if (to.dataset.period !== from.dataset.period) Object.assign(fields, { period: to.dataset.period, unit: table().dataset.unit });
  if (to.dataset.category !== from.dataset.category) fields.category = to.dataset.category;
  send(card, fields, () => { held = place; putBack(); held = undefined; });
}

async function send(card, fields, revert) {
  sending += 1;
  card.classList.add("saving");
  const reply = await post(`/deals/${card.dataset.dealId}/forecast`, fields);
  sending -= 1;
  card.classList.remove("saving");
  if (!reply.ok) {
    revert?.();
    if (!reply.toasted) toast({ kind: "danger", text: `${card.dataset.name} was not moved. ${reply.message}` });
    announce(reply.message);
  }
  refetch();
}

/* ── keyboard ── */
function step(card, key) {
  const list = card.parentElement;
  const all = cards(list);
  const [at, row] = [all.indexOf(card), list.closest("tr")];
  const column = [...row.cells].indexOf(list.closest("td"));
  if (key === "ArrowUp" && all[at - 1]) return all[at - 1];
  if (key === "ArrowDown" && all[at + 1]) return all[at + 1];
  const rtl = document.dir === "rtl" || document.documentElement.dir === "rtl";
  const across = { ArrowLeft: rtl ? 1 : -1, ArrowRight: rtl ? -1 : 1 }[key] ?? 0;
  const down = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
  for (let [r, c] = [row.rowIndex + down, column + across]; ; r += down, c += across) {
    const cell = table().rows[r]?.cells[c]?.querySelector("[data-cell]");
    if (!cell) return undefined;
    const there = cards(cell);
    if (there.length) return down < 0 ? there.at(-1) : there[Math.min(at, there.length - 1)];
  }
}

function carry(card, key) {
  const list = card.parentElement;
  const row = list.closest("tr");
  const rtl = document.documentElement.dir === "rtl";
  const across = { ArrowLeft: rtl ? 1 : -1, ArrowRight: rtl ? -1 : 1 }[key] ?? 0;
  const down = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
  const cell = table().rows[row.rowIndex + down]?.cells[[...row.cells].indexOf(list.closest("td")) + across]?.querySelector("[data-cell]");
  if (!cell || (cell.dataset.period === "" && cell !== held.list)) return announce("It cannot go there.");
  moving = true; // taking a node out of the page blurs it
  const head = cell.querySelector(".fore-head");
  if (head) head.after(card);
  else cell.prepend(card);
  focus(card);
  moving = false;
  announce(cell.dataset.label);
}
function onKey(event) {
  const card = event.target.closest?.("[data-deal-id]");
  if (!card || event.target !== card || event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = event.key.startsWith("Arrow");
  if (held && event.key === "Escape") {
    cancel();
    focus(card);
  } else if (event.key === " " && canEdit) {
    if (held) drop(card);
    else { pick(card, card.parentElement); card.classList.add("picked"); }
  } else if (arrow) {
    if (held) carry(card, event.key);
    else focus(step(card, event.key));
  } else if (event.key === "Enter" && !held) card.querySelector(".deal-name a").click();
  else if (event.key.toLowerCase() === "m" && !held) openMenu(card);
  else return;
  event.preventDefault();
}

/* ── the menu ── */
function openMenu(card) {
  asked = card;
  const { period, category } = card.parentElement.dataset;
  menu.querySelector('[data-do="open"]').href = card.querySelector(".deal-name a").href;
  for (const item of menu.querySelectorAll('[data-do="period"]')) item.hidden = item.dataset.value === period;
  for (const item of menu.querySelectorAll('[data-do="category"]')) item.hidden = item.dataset.value === category || (item.dataset.value === "stage" && !("own" in card.dataset));
  menu.showPopover();
  placeBeside(menu, card.querySelector("[data-deal-menu]").getBoundingClientRect());
  menu.querySelector(".menu-item").focus({ preventScroll: true });
}

function onMenu(event) {
  const item = event.target.closest("[data-do]");
  if (!item || item.dataset.do === "open") return;
  menu.hidePopover();
  focus(asked);
  const { value } = item.dataset;
  send(asked, item.dataset.do === "period" ? { period: value, unit: table().dataset.unit } : { category: value });
}

/* ── what others do meanwhile ── */
let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(refetch, 200);
}

function refetch() {
  stale = Boolean(held) || sending > 0;
  if (!stale) window.htmx?.ajax("GET", location.href, { target: "#forecast", select: "#forecast", swap: "outerMorph", selectOOB: "#board-summary:outerMorph,#board-aim:outerMorph" });
}

function start() {
  upgrade();
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#forecast [data-deal-menu]");
    if (!button) return;
    event.preventDefault();
    openMenu(button.closest("[data-deal-id]"));
  });
  document.addEventListener("focusin", (event) => {
    const card = event.target.closest("#forecast [data-deal-id]");
    if (card) for (const other of table().querySelectorAll("[data-deal-id]")) rove(other, other === card);
  });
  document.addEventListener("focusout", (event) => { if (held && !moving && event.target === held.card && held.card.classList.contains("picked") && !held.card.contains(event.relatedTarget)) cancel(); });
  document.addEventListener("keydown", onKey);
  menu.addEventListener("click", onMenu);
  menu.addEventListener("keydown", (event) => { if (event.key === "Tab") menu.hidePopover(); });
  menu.addEventListener("toggle", (event) => { if (event.newState === "closed" && [document.body, null].includes(document.activeElement)) focus(asked); });
  document.addEventListener("htmx:after:swap", upgrade);
  for (const name of ["deals", "refresh", "undo:done"]) document.addEventListener(name, later);
  document.addEventListener("htmx:sse:after:connection", ({ detail }) => { if (detail.connection.attempt > 0) setTimeout(refetch, Math.random() * 500); });
}

if (table()) start();
