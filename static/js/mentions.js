// An @ in a text area or an editor offers colleagues. In a text area the name is enough, the server knows it; in an editor it becomes
// a link that carries who is meant.
import { get } from "./http.js";

const PATTERN = /(?:^|[\s(])@([\p{L}\p{N}'’.-]*(?: [\p{L}\p{N}'’.-]+)?)$/u;
let count = 0;

export function upgrade(root = document) {
  const fields = [...root.querySelectorAll("textarea[data-mentions]:not([data-rich]), trix-editor[data-mentions]")];
  for (const field of fields) if (!field.dataset.mentionsReady) start(field);
}

/** What both kinds of field can do: tell the text before the caret, and put a name there. */
function handle(field) {
  if (field.localName === "textarea") {
    return {
      before: () => (field.selectionStart === field.selectionEnd ? field.value.slice(0, field.selectionStart) : ""),
      put: (length, option) => {
        const end = field.selectionStart;
        field.setRangeText(`@${option.dataset.text} `, end - length, end, "end");
        field.dispatchEvent(new Event("input", { bubbles: true }));
      },
    };
  }
  return {
    before: () => {
      const [from, to] = field.editor.getSelectedRange();
      return from === to ? field.editor.getDocument().toString().slice(0, from) : "";
    },
    put: (length, option) => {
      const [end] = field.editor.getSelectedRange();
      field.editor.setSelectedRange([end - length, end]);
      const link = Object.assign(document.createElement("a"), { textContent: `@${option.dataset.text}` });
      link.setAttribute("href", `/feed?who=${option.dataset.value}`);
      field.editor.insertHTML(link.outerHTML);
      field.editor.deactivateAttribute("href");
      field.editor.insertString(" ");
    },
  };
}

function start(field) {
  field.dataset.mentionsReady = "true";
  const text = handle(field);
  const list = Object.assign(document.createElement("ul"), { className: "combo-list mention-list", id: `mentions-${(count += 1)}`, hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Colleagues");
  field.after(list);
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", list.id);

  let active = 0;
  let typed = null;
  let timer;
  let asked;
  const options = () => [...list.children];
  const close = () => {
    list.hidden = true;
    typed = null;
    field.removeAttribute("aria-activedescendant");
  };
  const mark = (i) => {
    active = i;
    options().forEach((option, n) => {
      option.id = `${list.id}-${n}`;
      option.setAttribute("aria-selected", String(n === i));
    });
    field.setAttribute("aria-activedescendant", `${list.id}-${i}`);
    options()[i].scrollIntoView({ block: "nearest" });
  };
  const choose = (option) => {
    const length = typed.length + 1;
    close();
    text.put(length, option);
  };
  const ask = async () => {
    const found = PATTERN.exec(text.before());
    if (!found) return close();
    const query = found[1];
    asked?.abort();
    asked = new AbortController();
    try {
      const reply = await get(`/mentions?q=${encodeURIComponent(query)}`, { signal: asked.signal });
      if (!reply.ok || !field.contains(document.activeElement) || PATTERN.exec(text.before())?.[1] !== query) return;
      list.innerHTML = reply.html;
      if (!list.children.length) return close();
      typed = query;
      list.hidden = false;
      mark(0);
    } catch { /* a later letter asked again */ }
  };
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 100);
  };

  field.addEventListener(field.localName === "textarea" ? "input" : "trix-change", changed);
  // Before the editor takes Enter for a new line.
  field.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const last = options().length - 1;
    const take = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (event.key === "ArrowDown") { take(); mark(active >= last ? 0 : active + 1); }
    else if (event.key === "ArrowUp") { take(); mark(active <= 0 ? last : active - 1); }
    else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === "Tab") { take(); choose(options()[active]); }
    else if (event.key === "Escape") { take(); close(); }
  }, true);
  field.addEventListener("blur", close);
  // Before the blur that a click would cause.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) choose(option);
  });
}
