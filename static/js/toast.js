// Short messages at the foot of the page, and words for screen readers.
const region = document.getElementById("toasts");
const LIFE = { success: 6000, info: 6000, danger: 12000 };
const MOST = 4;
const ICON = { success: "circle-check", info: "info-circle", danger: "alert-circle" };

/** kind: success | info | danger. undo: a URL to POST, offered as a button. */
export function toast({ kind = "info", text, undo }) {
  if (!region || !text) return;
  const box = document.createElement("div");
  box.className = `snack snack-${ICON[kind] ? kind : "info"}`;
  box.dataset.toast = "";
  const words = document.createElement("p");
  words.dir = "auto";
  words.textContent = text;
  box.append(icon(ICON[kind] ?? ICON.info), words);
  if (undo) box.append(undoForm(undo));
  box.append(dismissButton());
  region.append(box);
  while (region.children.length > MOST) region.firstElementChild.remove();
  arm(box, kind, Boolean(undo));
}

/** Tells a screen reader at once, without showing anything. */
export function announce(text) {
  const line = document.getElementById("announce");
  if (!line) return;
  line.textContent = "";
  requestAnimationFrame(() => { line.textContent = text; });
}

/** Toasts rendered by the server (after a redirect) live by the same rules. */
export function adoptToasts() {
  for (const box of region?.querySelectorAll("[data-toast]") ?? []) {
    arm(box, box.classList.contains("snack-danger") ? "danger" : "success", Boolean(box.querySelector("form")));
  }
}

export function icon(name, small = false) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", small ? "icon icon-sm" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${region?.dataset.icons ?? "/static/vendor/icons.svg"}#${name}`);
  svg.append(use);
  return svg;
}

function undoForm(action) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  const token = document.createElement("input");
  token.type = "hidden";
  token.name = "csrf_token";
  token.value = document.querySelector('meta[name="csrf-token"]').content;
  const button = document.createElement("button");
  button.className = "link-btn";
  button.textContent = "Undo";
  form.append(token, button);
  return form;
}

function dismissButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "round";
  button.dataset.dismiss = "";
  button.ariaLabel = "Dismiss";
  button.append(icon("x", true));
  return button;
}

/** Goes by itself after a while, but never under the pointer or while focused. */
function arm(box, kind, hasUndo) {
  let timer;
  const leave = () => { box.classList.add("leaving"); setTimeout(() => box.remove(), 220); };
  const start = () => { timer = setTimeout(leave, hasUndo ? 10000 : LIFE[kind] ?? 6000); };
  const hold = () => clearTimeout(timer);
  box.addEventListener("pointerenter", hold);
  box.addEventListener("pointerleave", start);
  box.addEventListener("focusin", hold);
  box.addEventListener("focusout", start);
  box.querySelector("[data-dismiss]")?.addEventListener("click", leave);
  start();
}
