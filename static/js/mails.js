// Writing a mail: people offered as one types, fields put where the cursor is, drafts saved by themselves.
import { get, post, problemText, requestHeaders } from "./http.js";
import { toast } from "./toast.js";

const ready = new WeakSet();
let count = 0;

export function upgrade(root = document) {
  for (const input of root.querySelectorAll("[data-recipients]")) if (!ready.has(input)) people(input);
  for (const form of root.querySelectorAll("form[data-draft]")) if (!ready.has(form)) drafts(form);
}

/* ── recipients: a combobox over the last of several addresses ── */
const last = (text) => text.slice(lastComma(text) + 1).trim();

/** The last comma or semicolon outside quotation marks. */
function lastComma(text) {
  let at = -1;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (!quoted && (text[i] === "," || text[i] === ";")) at = i;
  }
  return at;
}

function add(input, person, instead) {
  const before = (instead ? input.value.slice(0, lastComma(input.value) + 1) : input.value).replace(/[\s,;]+$/, "");
  input.value = `${before ? `${before}, ` : ""}${person}, `;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function people(input) {
  ready.add(input);
  const list = Object.assign(document.createElement("ul"), { className: "combo-list", id: `people-${++count}`, hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "People");
  const box = Object.assign(document.createElement("span"), { className: "combo" });
  input.before(box);
  box.append(input, list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", list.id], ["aria-expanded", "false"]]) input.setAttribute(name, value);
  let active = -1;
  let timer;
  let asked;
  const close = () => { clearTimeout(timer); list.hidden = true; active = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const mark = (i) => {
    active = i;
    [...list.children].forEach((option, n) => { option.id = `${list.id}-${n}`; option.setAttribute("aria-selected", String(n === i)); });
    if (i < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `${list.id}-${i}`);
    list.children[i].scrollIntoView({ block: "nearest" });
  };
  const choose = (option) => { add(input, option.dataset.value, true); close(); input.focus(); };
  const ask = async () => {
    const words = last(input.value);
    if (words.length < 2) return close();
    asked?.abort();
    asked = new AbortController();
    try {
      const reply = await get(`${input.dataset.recipients}?q=${encodeURIComponent(words)}`, { signal: asked.signal });
      if (!reply.ok || document.activeElement !== input) return;
      list.innerHTML = reply.html;
      list.hidden = !list.children.length;
      input.setAttribute("aria-expanded", String(!list.hidden));
      mark(-1);
    } catch { /* a later letter asked again */ }
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
  input.addEventListener("keydown", (event) => {
    const most = list.children.length - 1;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden) {
      event.preventDefault();
      mark(event.key === "ArrowDown" ? (active >= most ? 0 : active + 1) : (active <= 0 ? most : active - 1));
    } else if (event.key === "Enter" && !list.hidden && active >= 0) {
      event.preventDefault();
      choose(list.children[active]);
    } else if (event.key === "Enter") {
      event.preventDefault(); // a line of addresses is no reason to send
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  input.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) choose(option);
  });
}

document.addEventListener("click", (event) => {
  const chip = event.target.closest?.("[data-add-recipient]");
  if (!chip) return;
  const input = chip.closest("form").querySelector("[name=to]");
  add(input, chip.dataset.addRecipient, false);
  chip.remove();
  input.focus();
});

/* ── merge fields ── */
let field = null;
document.addEventListener("focusin", ({ target }) => {
  if (target.matches?.("trix-editor, input[name=subject], textarea[name=body]")) field = target;
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-insert-field]");
  if (!button) return;
  const form = button.closest("form");
  const target = field && form.contains(field) ? field : form.querySelector("trix-editor, textarea[name=body]");
  const code = button.dataset.insertField;
  if (target.editor) target.editor.insertString(code);
  else {
    target.setRangeText(code, target.selectionStart, target.selectionEnd, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
  }
  button.closest("details").open = false;
  target.focus();
});

/* ── Enter in the subject goes on to the text: it is no reason to save or send ── */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("form.compose input[name=subject]")) return;
  event.preventDefault();
  event.target.form.querySelector("trix-editor, textarea[name=body]").focus();
});

/* ── where writing begins ── */
// The room to click is below the signature, the line to write on above it: who has written nothing yet means that line.
const written = new WeakSet();
document.addEventListener("trix-change", ({ target }) => { if (document.activeElement === target) written.add(target); });
document.addEventListener("click", ({ target }) => {
  if (target.localName === "trix-editor" && !written.has(target) && target.editor?.getDocument().toString().startsWith("\n")) target.editor.setSelectedRange(0);
});

/* ── attachments: sent up at once, ticked for this mail ── */
document.addEventListener("change", async (event) => {
  const input = event.target.closest?.("[data-attach]");
  if (!input) return;
  const files = [...input.files];
  input.value = "";
  const list = document.getElementById("attached");
  for (const file of files) {
    const line = Object.assign(document.createElement("li"), { className: "muted small", textContent: `${file.name}: being sent up…` });
    list.append(line);
    const body = new FormData();
    body.append("file", file);
    try {
      const reply = await fetch(input.dataset.attach, { method: "POST", body, credentials: "same-origin", headers: { Accept: "text/html", ...requestHeaders() } });
      const text = await reply.text();
      if (!reply.ok) throw new Error(problemText(reply.status, reply.headers.get("Content-Type"), text));
      line.outerHTML = text;
    } catch (error) {
      line.remove();
      toast({ kind: "danger", text: `${file.name} could not be attached. ${error.message}` });
    }
  }
  list.closest("form").dispatchEvent(new Event("input"));
});

/* ── drafts ── */
const PAUSE = 1500;

function drafts(form) {
  ready.add(form);
  const state = document.getElementById("draft-state");
  let timer;
  let saving = false;
  let again = false;
  let ended = false;
  const save = async () => {
    if (ended) return;
    if (saving) { again = true; return; }
    saving = true;
    const reply = await post(form.dataset.draft, new FormData(form));
    saving = false;
    if (ended) return;
    if (reply.ok) {
      state.innerHTML = reply.html;
      let version = form.elements.namedItem("version");
      if (!version) form.append(version = Object.assign(document.createElement("input"), { type: "hidden", name: "version" }));
      version.value = state.querySelector("[data-draft-version]").dataset.draftVersion;
    } else state.textContent = reply.message;
    if (again) { again = false; soon(); }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(save, PAUSE); };
  form.addEventListener("input", soon);
  // Trix says so when it fills itself in, too: that is no writing.
  form.addEventListener("trix-change", ({ target }) => { if (document.activeElement === target || target.contains(document.activeElement)) soon(); });
  form.addEventListener("submit", () => { ended = true; clearTimeout(timer); });
  window.addEventListener("pageshow", () => { ended = false; });
}
