// "+" in a column head opens a small form at the top of the column; it stays open for the next deal.
import { newId, post } from "./http.js";
import { announce } from "./toast.js";
import { applyReply, held, listOf, refresh, release } from "./board-cards.js";

const HOLD = "quick-add"; // while open, the board is not morphed away under the words

export function startQuickAdd(board) {
  board.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-quick-add]");
    if (!opener || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    toggle(board, opener.dataset.quickAdd);
  });
  board.addEventListener("keydown", (event) => {
    const form = event.target.closest(".quick-add");
    if (form && event.key === "Escape") close(form);
  });
  board.addEventListener("click", (event) => { if (event.target.closest("[data-cancel]")) close(event.target.closest(".quick-add")); });
  board.addEventListener("submit", (event) => {
    const form = event.target.closest(".quick-add");
    if (!form) return;
    event.preventDefault();
    add(form);
  });
}

function toggle(board, stage) {
  const list = listOf(stage);
  const open = board.querySelector(".quick-add");
  if (open?.parentElement === list) return close(open);
  open?.remove();
  list.prepend(document.getElementById("quick-add").content.cloneNode(true));
  list.scrollTop = 0;
  const form = list.querySelector(".quick-add");
  form.elements.stage_id.value = stage;
  form.elements.id.value = newId();
  form.elements.name.focus();
  held.add(HOLD);
}

function close(form) {
  const stage = form.elements.stage_id.value;
  form.remove();
  release(HOLD);
  document.querySelector(`[data-quick-add="${CSS.escape(stage)}"]`)?.focus();
}

async function add(form) {
  if (form.dataset.busy) return;
  form.dataset.busy = "true";
  const button = form.querySelector(".btn-primary");
  button.setAttribute("aria-busy", "true");
  const name = form.elements.name.value;
  const reply = await post("/deals/new", new FormData(form), { told: true });
  delete form.dataset.busy;
  button.removeAttribute("aria-busy");
  showError(form, reply.message);
  if (!reply.ok) return form.elements.name.focus();
  const { ids } = applyReply(reply.html, { highlight: true, keep: true });
  if (!ids.length) refresh();
  announce(`${name} added.`);
  form.elements.id.value = newId(); // the next deal is another one; a refused or lost one keeps its id, so that it is made once
  for (const field of ["name", "amount", "company"]) form.elements[field].value = "";
  form.elements.name.focus();
}

function showError(form, message) {
  const line = form.querySelector(".invalid-feedback");
  line.textContent = message;
  line.hidden = !message;
  form.elements.name.setAttribute("aria-invalid", String(Boolean(message)));
}
