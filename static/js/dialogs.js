// Dialogs and menus: native <dialog>, popover and <details>; this adds what the platform leaves out.
import { toast } from "./toast.js";

/** Asks a question; resolves to true or false. Only for what cannot be undone. */
export function ask(question, yes = "Continue") {
  const dialog = document.createElement("dialog");
  dialog.className = "sheet";
  dialog.setAttribute("role", "alertdialog");
  dialog.setAttribute("aria-label", question);
  const body = document.createElement("p");
  body.className = "sheet-body m-0 pt-3";
  body.textContent = question;
  const foot = document.createElement("form");
  foot.className = "sheet-foot";
  foot.method = "dialog";
  foot.append(button("Cancel", "btn", "no"), button(yes, "btn btn-danger", "yes"));
  dialog.append(body, foot);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); }));
}

function button(text, className, value) {
  const element = document.createElement("button");
  element.className = className;
  element.value = value;
  element.textContent = text;
  return element;
}

const menuItems = (menu) => [...menu.querySelectorAll(".menu-item")].filter((item) => !item.disabled && item.offsetParent !== null);

/** Arrow keys, Home and End inside an open menu. */
function moveInMenu(event) {
  const menu = event.target.closest?.(".menu-panel");
  if (!menu || event.target.matches("input, select, textarea")) return;
  const items = menuItems(menu);
  if (!items.length) return;
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? items.length - 1 : at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
}

export function start() {
  // Sent back with what is wrong in it: as if it had been opened here.
  for (const dialog of document.querySelectorAll("dialog.sheet[open]")) { dialog.close(); dialog.showModal(); }
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
    const closing = event.target.closest("[data-close]")?.closest("dialog");
    if (closing) {
      event.preventDefault();
      closing.close();
    }
    if (event.target.matches("dialog.sheet, dialog.palette") && !inside(event)) event.target.close();
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    copy(event.target.closest("[data-copy]"));
  });
  document.addEventListener("keydown", (event) => {
    moveInMenu(event);
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]") ?? document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("toggle", ({ target }) => { if (target.matches?.("details.menu[open]")) keepOnScreen(target.querySelector(".menu-panel")); }, true);
  document.addEventListener("scroll", ({ target }) => {
    for (const panel of document.querySelectorAll("details.menu[open] > [data-placed]")) if (!panel.contains(target)) panel.parentElement.open = false;
  }, { capture: true, passive: true });
  // A menu opened from the keyboard starts on its first entry; the drawer on its first link.
  document.addEventListener("toggle", (event) => {
    if (event.newState !== "open" || !event.target.matches?.("[popover]")) return;
    event.target.querySelector(".menu-item, .nav-item")?.focus({ preventScroll: true });
  }, true);
}

/** A panel hangs from its button; near an edge it is pushed back into view. Inside a table it leaves the scrolling box. */
function keepOnScreen(panel) {
  panel.style.removeProperty("--shift");
  if (panel.closest(".table-scroll")) return placeBeside(panel, panel.parentElement.querySelector("summary").getBoundingClientRect());
  const { left, right } = panel.getBoundingClientRect();
  const edge = document.documentElement.clientWidth - 8;
  const shift = right > edge ? Math.max(edge - right, 8 - left) : Math.max(0, 8 - left);
  if (shift) panel.style.setProperty("--shift", `${shift}px`);
}

/** Fixed under (or over) its anchor, its end edge on the anchor's, always inside the window. */
export function placeBeside(panel, anchor) {
  panel.dataset.placed = "";
  const { width, height } = panel.getBoundingClientRect();
  const below = anchor.bottom + 4;
  const x = Math.max(8, Math.min(anchor.right - width, innerWidth - width - 8));
  const y = below + height <= innerHeight - 8 ? below : Math.max(8, anchor.top - height - 4);
  panel.style.setProperty("--x", `${x}px`);
  panel.style.setProperty("--y", `${y}px`);
}

function inside(event) {
  const box = event.target.getBoundingClientRect();
  return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}

async function copy(button) {
  if (!button) return;
  const text = document.querySelector(button.dataset.copy)?.textContent.trim() ?? "";
  try {
    await navigator.clipboard.writeText(text);
    toast({ kind: "success", text: "Copied" });
  } catch {
    toast({ kind: "info", text: "Copying is not allowed here: select the text instead." });
  }
}
