// Click a value, type, Enter. The server supplies the form and judges the input; this only swaps and keeps the focus.
import { applyPartials, get, parse, post } from "./http.js";
import { refresh } from "./refresh.js";
import { toast } from "./toast.js";

document.addEventListener("click", (event) => {
  const value = event.target.closest("[data-inline-edit]");
  if (value && !event.target.closest("a")) edit(value);
});
document.addEventListener("keydown", (event) => {
  const value = event.target.closest?.("[data-inline-edit]");
  if (value && value.tagName !== "BUTTON" && !event.target.closest("a") && (event.key === "Enter" || event.key === "F2")) { event.preventDefault(); edit(value); }
});

/** `saved` is told when the value was saved, in place of what is done with a value of a record's page. */
export async function edit(value, url = value.dataset.editUrl, saved = null) {
  if (value.ariaBusy === "true" || value.querySelector(".inline-form")) return;
  value.ariaBusy = "true";
  const reply = await get(url);
  value.ariaBusy = null;
  if (!reply.ok) return toast({ kind: "danger", text: reply.message });
  show(value, reply.html, saved);
}

/** The form stands where its value stood, or in it when that is a cell of a table. Gives the way back. */
function swap(value, form) {
  if (value.tagName !== "TD") {
    value.replaceWith(form);
    return () => form.replaceWith(value);
  }
  const inside = [...value.childNodes];
  value.replaceChildren(form);
  return () => value.replaceChildren(...inside);
}

function show(value, html, saved) {
  const form = parse(html).querySelector("form");
  if (!form || !value.isConnected) return;
  const back = swap(value, form);
  window.htmx?.process(form);
  if (form.querySelector("[data-combobox]")) import("./combobox.js").then((module) => module.upgrade(form));
  focusFirst(form);
  let sending = false;
  const cancel = () => { if (form.isConnected) back(); };
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.preventDefault(); cancel(); value.focus(); }
  });
  form.addEventListener("click", (event) => { if (event.target.closest("[data-cancel]")) { cancel(); value.focus(); } });
  form.addEventListener("focusout", (event) => {
    if (!sending && event.relatedTarget && !form.contains(event.relatedTarget)) cancel();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (sending) return;
    sending = true;
    const answer = await post(form.action, new FormData(form, event.submitter));
    sending = false;
    if (answer.ok) {
      const fragment = parse(answer.html);
      applyPartials(fragment);
      return saved ? saved() : finish(form, value, fragment);
    }
    if (parse(answer.html).querySelector("form")) {
      back();
      show(value, answer.html, saved);
    } else toast({ kind: "danger", text: answer.message });
  });
}

function focusFirst(form) {
  const field = form.querySelector("[aria-invalid=true], input:not([type=hidden]), select, textarea, [data-inline-focus]");
  field?.focus();
  field?.select?.();
}

/** The reply is the new value (same id) and whatever else changed with it. */
function finish(form, value, fragment) {
  const fresh = (value.id && fragment.querySelector(`#${CSS.escape(value.id)}`)) || fragment.querySelector("[data-inline-edit]");
  if (!form.isConnected) return document.getElementById(value.id)?.focus(); // a partial replaced the whole place
  if (fresh) form.replaceWith(fresh);
  else form.replaceWith(...fragment.childNodes);
  const place = fresh ?? document.getElementById(value.id);
  (place?.tagName === "BUTTON" ? place : place?.querySelector("button"))?.focus();
  refresh(); // what else the page says of the record: title, facts, timeline
}
