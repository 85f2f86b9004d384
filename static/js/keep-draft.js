// Half-typed notes and comments outlast the page: kept in this tab, for whoever is signed in, until it is known that they arrived.
const FORMS = 'form[action="/notes"], form[action="/comments"]';
const DRAFT = "draft ";
const SENT = "sent ";
const me = document.body.dataset.me;
const ready = new WeakSet();

settle();
document.addEventListener("submit", (event) => {
  // Nothing of it is for whoever sits down here next.
  if (event.target.matches('form[action="/logout"]')) forget((key) => key.startsWith(DRAFT) || key.startsWith(SENT));
});
// Back from where it was sent to: what stands here is typed still.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  forget((key) => key.startsWith(SENT));
  for (const form of document.querySelectorAll(FORMS)) write(form);
});

export function upgrade(root = document) {
  for (const form of root.querySelectorAll(FORMS)) if (!ready.has(form)) keep(form);
}

/* Once for each page: what the last one sent has arrived if this one says so. A refusal, or a sign-in in between, does not. */
function settle() {
  const refused = ["/notes", "/comments"].includes(location.pathname);
  const arrived = !refused && document.querySelector("#toasts .snack-success");
  const sent = forget((key) => key.startsWith(SENT)).map((key) => key.slice(SENT.length));
  if (arrived) forget((key) => sent.includes(key));
  if (me) forget((key) => key.startsWith(DRAFT) && !key.startsWith(`${DRAFT}${me} `));
}

function forget(which) {
  const keys = Object.keys(sessionStorage).filter(which);
  for (const key of keys) sessionStorage.removeItem(key);
  return keys;
}

const field = (form, name) => form.elements.namedItem(name)?.value ?? "";

function keyOf(form) {
  return `${DRAFT}${me} ${form.getAttribute("action")} ${field(form, "on_id") || field(form, "record_id")}`;
}

function write(form) {
  const text = new FormData(form).get("body");
  if (text) sessionStorage.setItem(keyOf(form), text);
  else sessionStorage.removeItem(keyOf(form));
}

function keep(form) {
  ready.add(form);
  const kept = sessionStorage.getItem(keyOf(form));
  form.addEventListener("input", () => write(form));
  form.addEventListener("trix-change", () => write(form));
  form.addEventListener("submit", () => sessionStorage.setItem(SENT + keyOf(form), "1"));
  if (kept && !field(form, "body")) restore(form, kept);
}

function restore(form, text) {
  const editor = form.querySelector("trix-editor");
  const area = form.querySelector("textarea");
  if (area) area.value = text;
  else if (editor?.editor) editor.editor.loadHTML(text);
  else editor?.addEventListener("trix-initialize", () => editor.editor.loadHTML(text), { once: true });
  const folded = form.closest("details");
  if (folded) folded.open = true;
}
