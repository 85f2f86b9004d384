// The command palette: Ctrl-K or / opens it; go to, create, and whatever GET /search finds.
// The server's reply is <ul role="listbox"> with <li role="option"><a href>…</a></li> and <li class="palette-group"> headings.
import { get, parse } from "./http.js";
import { icon } from "./toast.js";

const DEBOUNCE = 80;
/** What people also call it. */
const ALSO = { "Go to": "open show", Create: "new add" };
let dialog, input, list, commands;
let serial = 0;
let timer;

export function start() {
  dialog = document.getElementById("palette");
  if (!dialog) return;
  input = dialog.querySelector("input");
  list = dialog.querySelector(".palette-list");
  commands = [...collect("[data-go]", "Go to"), ...collect("[data-create]", "Create")];
  document.addEventListener("keydown", onShortcut);
  startSearchBox(document.querySelector("[data-palette-open]"));
  input.addEventListener("input", onInput);
  input.addEventListener("keydown", onKey);
  list.addEventListener("click", (event) => { const option = event.target.closest("[role=option]"); if (option) follow(option, event); });
  list.addEventListener("pointermove", (event) => { const option = event.target.closest("[role=option]"); if (option) select(option, false); });
}

function collect(selector, group) {
  return [...document.querySelectorAll(selector)].map((link) => ({
    group,
    label: link.textContent.trim(),
    href: link.getAttribute("href"),
    icon: link.querySelector("use")?.getAttribute("href").split("#")[1] ?? "arrow-right",
  }));
}

function onShortcut(event) {
  // Right after Escape a key may still arrive at the field of the palette that has just closed: nobody is typing there.
  const typing = (dialog.open || !dialog.contains(event.target)) && event.target.closest?.("input, textarea, select, trix-editor, [contenteditable]");
  const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (!slash && !ctrlK) return;
  event.preventDefault();
  if (dialog.open) dialog.close(); else open("");
}

/** The box in the top bar is a plain search form; with a script it opens the palette instead. */
function startSearchBox(box) {
  const field = box?.querySelector("input");
  if (!field) return;
  box.addEventListener("mousedown", (event) => event.preventDefault()); // the field itself is only for the keyboard
  box.addEventListener("click", () => open(""));
  field.addEventListener("input", () => { const text = field.value; field.value = ""; open(text); });
}

function open(text) {
  if (!dialog.open) dialog.showModal();
  input.value = text;
  input.focus();
  input.setSelectionRange(text.length, text.length);
  onInput();
}

function onInput() {
  const query = input.value.trim();
  const mine = ++serial;
  clearTimeout(timer);
  render(matching(query));
  if (!query) return void lately(mine);
  if (query.length < 2) return;
  timer = setTimeout(() => search(query, mine), DEBOUNCE);
}

/** Before anything is typed: what was opened and searched for lately, above the commands. */
async function lately(mine) {
  const reply = await get("/recent");
  if (!reply.ok || mine !== serial || !dialog.open) return;
  const found = parse(reply.html).querySelector("[role=listbox]");
  if (!found?.querySelector("[role=option]")) return;
  render(matching(""), found);
  list.prepend(found);
  select(options()[0]);
}

async function search(query, mine) {
  const reply = await get(`/search?q=${encodeURIComponent(query)}`);
  if (mine !== serial || !dialog.open) return; // a newer question has been asked
  const found = reply.ok ? parse(reply.html).querySelector("[role=listbox]") : null;
  const chosen = list.querySelector("[aria-selected=true]")?.dataset.href;
  render(matching(query), found);
  const again = chosen && options().find((option) => option.dataset.href === chosen);
  if (again) select(again);
  if (!options().length) empty(reply.ok ? `Nothing found for “${query}”.` : reply.message);
}

function matching(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = commands.filter((c) => words.every((w) => `${c.group} ${ALSO[c.group]} ${c.label}`.toLowerCase().includes(w)));
  return words.length ? hits.slice(0, 6) : hits;
}

function render(hits, found) {
  list.replaceChildren();
  for (const group of ["Go to", "Create"]) {
    const entries = hits.filter((hit) => hit.group === group);
    if (entries.length) list.append(groupOf(group, entries));
  }
  if (found) {
    found.setAttribute("role", "presentation");
    list.append(found);
    for (const option of found.querySelectorAll("[role=option]")) option.dataset.href ??= option.querySelector("a")?.getAttribute("href");
    for (const link of found.querySelectorAll("a")) link.tabIndex = -1;
  }
  options().forEach((option, i) => { option.id ||= `palette-option-${i}`; });
  select(options()[0]);
}

function groupOf(name, entries) {
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", name);
  const head = document.createElement("div");
  head.className = "palette-group";
  head.ariaHidden = "true";
  head.textContent = name;
  group.append(head, ...entries.map((entry) => {
    const option = document.createElement("div");
    option.setAttribute("role", "option");
    option.dataset.href = entry.href;
    const label = document.createElement("span");
    label.textContent = entry.label;
    option.append(icon(entry.icon), label);
    return option;
  }));
  return group;
}

function empty(text) {
  const line = document.createElement("p");
  line.className = "palette-empty m-0";
  line.setAttribute("role", "status");
  line.textContent = text;
  list.replaceChildren(line);
  input.removeAttribute("aria-activedescendant");
}

const options = () => [...list.querySelectorAll("[role=option]")];

function select(option, scroll = true) {
  for (const other of list.querySelectorAll("[aria-selected]")) other.removeAttribute("aria-selected");
  if (!option) return input.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", option.id);
  if (scroll) option.scrollIntoView({ block: "nearest" });
}

function onKey(event) {
  const all = options();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (all.length) select(all[(at + (event.key === "ArrowDown" ? 1 : -1) + all.length) % all.length]);
  } else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    if (all[at]) follow(all[at], event);
    else if (input.value.trim()) location.assign(`/search?q=${encodeURIComponent(input.value.trim())}`);
  }
}

function follow(option, event) {
  const href = option.dataset.href;
  if (!href) return;
  event.preventDefault();
  if (event.ctrlKey || event.metaKey) return void window.open(href, "_blank", "noopener");
  dialog.close();
  location.assign(href);
}
