// Cells of a list that can be edited in place: one tab stop for the table, arrow keys between cells, and Enter, F2 or a click edits.
// Without a script a record is edited on its own page. Where a cell is edited follows from its row and its column's head.
import { get, parse } from "./http.js";
import { edit } from "./inline-edit.js";

const ready = new WeakSet();

export function upgrade(root = document) {
  for (const cell of root.querySelectorAll("td.edit")) {
    const table = cell.closest("table");
    if (ready.has(table)) continue;
    ready.add(table);
    table.setAttribute("role", "grid");
    table.setAttribute("aria-readonly", "true");
    table.addEventListener("keydown", steer);
    table.addEventListener("click", (event) => clicked(event));
    enter(cell);
  }
}

const column = (cell) => cell.closest("table").tHead.rows[0].cells[cell.cellIndex].dataset.column;
const place = (cell) => { const { base } = cell.closest("table").tHead.dataset; return `${base}/${cell.parentElement.id.slice(-36)}`; };

/** The cell that Tab comes to. */
function enter(cell) {
  for (const old of cell.closest("table").querySelectorAll("td[tabindex='0']")) old.tabIndex = -1;
  cell.tabIndex = 0;
  if (cell.matches(".edit")) cell.setAttribute("aria-readonly", "false");
}

function clicked(event) {
  const cell = event.target.closest("td.edit");
  if (!cell || event.target.closest("a, form, button, input") || !getSelection().isCollapsed) return;
  enter(cell);
  open(cell);
}

function open(cell) {
  edit(cell, `${place(cell)}/fields/${column(cell)}`, () => renew(cell));
}

function steer(event) {
  const cell = event.target;
  if (cell.tagName !== "TD" || event.ctrlKey || event.metaKey || event.altKey) return;
  const row = cell.parentElement;
  const ahead = getComputedStyle(cell).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const behind = ahead === "ArrowRight" ? "ArrowLeft" : "ArrowRight";
  const to = {
    [ahead]: () => cell.nextElementSibling,
    [behind]: () => cell.previousElementSibling,
    ArrowDown: () => row.nextElementSibling?.cells[cell.cellIndex],
    ArrowUp: () => row.previousElementSibling?.cells[cell.cellIndex],
    Home: () => row.cells[0],
    End: () => row.cells[row.cells.length - 1],
  }[event.key];
  if (to) {
    event.preventDefault();
    const next = to();
    if (next) { enter(next); next.focus(); }
  } else if (event.key === "Enter" || event.key === "F2") {
    event.preventDefault();
    if (cell.matches(".edit")) open(cell);
    else cell.querySelector("a, input")?.click();
  }
}

/** The whole row is shown anew: other values of it may follow from the one that changed. */
async function renew(cell) {
  const row = cell.parentElement;
  const { columns, ticks } = row.closest("table").tHead.dataset;
  const reply = await get(`${place(cell)}/row?columns=${encodeURIComponent(columns)}${ticks === undefined ? "" : "&ticks=1"}`);
  const fresh = reply.ok && parse(`<table><tbody>${reply.html}</tbody></table>`).querySelector("tr");
  if (!fresh) return location.reload(); // it may have left the list
  const ticked = row.querySelector(".row-check")?.checked;
  row.replaceWith(fresh);
  if (ticked) fresh.querySelector(".row-check").checked = true;
  window.htmx?.process(fresh);
  const here = fresh.cells[cell.cellIndex];
  enter(here);
  here.focus();
}
