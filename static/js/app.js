// On every page: shell, forms, messages, htmx glue. Heavier modules load only where their markup is.
import { csrf, post, problemText, requestHeaders } from "./http.js";
import { adoptToasts, toast } from "./toast.js";
import { ask, start as startDialogs } from "./dialogs.js";
import { start as startNotices } from "./notices.js";
import { start as startPalette } from "./palette.js";

const ON_DEMAND = [
  ["[data-inline-edit]", () => import("./inline-edit.js")],
  ["td.edit", () => import("./list-cells.js")],
  ["[data-refresh]", () => import("./refresh.js")],
  ["[data-sortable]", () => import("./stages.js")],
  ["[data-celebrate]", () => import("./celebrate.js")],
  ["[data-chart]", () => import("./charts.js")],
  ["trix-editor", () => import("./editor.js")],
  ["[data-tabs]", () => import("./tabs.js")],
  ["[data-combobox]", () => import("./combobox.js")],
  ["textarea[data-rich]", () => import("./rich.js")],
  ["thead[data-widths], [data-groups]", () => import("./list.js")],
  ["[data-mentions]", () => import("./mentions.js")],
  ['body, form[action="/notes"], form[action="/comments"]', () => import("./keep-draft.js")],
  ["[data-recipients], [data-insert-field]", () => import("./mails.js")],
  ["[data-upload]", () => import("./upload.js")],
  ["select[data-lengths]", () => import("./lengths.js")],
  ["[data-task-board]", () => import("./task-board.js")],
  ["[data-duplicates]", () => import("./duplicates.js")],
  ["[data-open-panel], [data-filter-builder], [data-column-chooser]", () => import("./list-panel.js")],
];

/** Wakes whatever the markup under `root` asks for; safe to call again after every swap. */
function upgrade(root = document) {
  for (const [selector, load] of ON_DEMAND) {
    if (root.matches?.(selector) || root.querySelector?.(selector)) load().then((module) => module.upgrade?.(root));
  }
  countSelection();
}

/* ── htmx ── */
function startHtmx() {
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    const { "X-CSRF-Token": token, "X-Tab-Id": tab } = requestHeaders();
    Object.assign(ctx.request.headers, { "X-CSRF-Token": token, "X-Tab-Id": tab });
  });
  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    const { ctx, issueRequest, dropRequest } = event.detail;
    ask(ctx.confirm).then((yes) => (yes ? issueRequest() : dropRequest()));
  });
  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    const { status, headers } = ctx.response;
    if (ctx.sourceElement?.id === "live" || [409, 422].includes(status)) return;
    if (headers.get("HX-Trigger")?.includes('"toast"')) return; // the server has said it in its own words
    toast({ kind: "danger", text: problemText(status, headers.get("Content-Type"), ctx.text) });
  });
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (!ctx || ctx.sourceElement?.id === "live") return;
    toast({ kind: "danger", text: "The server could not be reached. Nothing was changed; try again." });
  });
  document.addEventListener("toast", (event) => toast(event.detail ?? {}));
  document.addEventListener("parts:fresh", ({ detail }) => upgrade(detail));
  document.addEventListener("htmx:after:swap", (event) => upgrade(event.detail?.ctx?.target ?? document));
}

/** hx-sse reconnects a stream that broke, but not one that never came up. */
function startLive() {
  const live = document.getElementById("live");
  if (!live) return;
  let wait = 2000;
  let late = false;
  const again = ({ detail }) => {
    if (detail?.ctx?.sourceElement !== live) return;
    setTimeout(() => window.htmx.ajax("GET", live.getAttribute("hx-sse:connect"), { source: live, swap: "none" }), wait * (0.7 + Math.random() * 0.6));
    wait = Math.min(wait * 2, 60000);
    late = true;
  };
  document.addEventListener("htmx:error", again);
  document.addEventListener("htmx:response:error", again);
  live.addEventListener("htmx:sse:after:connection", () => {
    wait = 2000;
    if (late) document.dispatchEvent(new CustomEvent("refresh"));
    late = false;
  });
}

/* ── forms ── */
/** On a page that can refresh itself, undo happens in place; elsewhere the form posts and the page comes back. */
async function undoInPlace(event) {
  const form = event.target;
  if (!form.closest("[data-toast]") || !document.querySelector("[data-board], #calendar")) return;
  event.preventDefault();
  const reply = await post(form.action, new FormData(form));
  form.closest("[data-toast]").remove();
  if (reply.ok) document.dispatchEvent(new CustomEvent("undo:done"));
  if (!reply.toasted) toast(reply.ok ? { kind: "success", text: "Undone" } : { kind: "danger", text: reply.message });
}

function startForms() {
  document.addEventListener("submit", undoInPlace);
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method === "dialog" || event.defaultPrevented) return;
    if (form.dataset.confirm && !form.dataset.confirmed) {
      event.preventDefault();
      if (await ask(form.dataset.confirm, event.submitter?.textContent.trim() || "Continue")) {
        form.dataset.confirmed = "true";
        form.requestSubmit(event.submitter);
        delete form.dataset.confirmed;
      }
      return;
    }
    if (isHtmx(form) || isHtmx(event.submitter)) return; // htmx queues its own
    if (form.dataset.sent) return event.preventDefault();
    if (form.method === "post") {
      form.dataset.sent = "true";
      event.submitter?.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-submit-on-change]");
    if (form && event.target.type !== "search" && event.target.type !== "text") form.requestSubmit();
    if (event.target.matches?.(".all-check")) {
      for (const box of scopeOf(event.target).querySelectorAll(".row-check")) box.checked = event.target.checked;
    }
    if (event.target.matches?.(".all-check, .row-check")) countSelection();
  });
  chooseRanges();
  // The first wrong field takes the focus, so that the error is read out.
  document.querySelector("main [aria-invalid=true]")?.focus();
  startDrop();
}

const isHtmx = (element) => Boolean(element?.getAttributeNames().some((name) => /^hx-(get|post|put|patch|delete|action)/.test(name)));
// The bar may be a form of its own beside the rows.
const scopeOf = (element) => element.closest(".table-panel") ?? element.closest("form, main") ?? document;

function countSelection() {
  for (const all of document.querySelectorAll(".all-check")) {
    const scope = scopeOf(all);
    const boxes = [...scope.querySelectorAll(".row-check")];
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    for (const label of scope.querySelectorAll("[data-selected-count]")) label.textContent = `${ticked} selected`;
  }
}

/* Shift and a click choose, or leave out, all rows from the box that was last ticked by itself. */
function chooseRanges() {
  let last;
  document.addEventListener("mousedown", (event) => {
    // The words between would be selected as text.
    if (event.shiftKey && event.target.matches?.(".row-check")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.matches?.(".row-check")) return;
    const box = event.target;
    const boxes = [...scopeOf(box).querySelectorAll(".row-check")].filter((other) => other.checkVisibility());
    const ends = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && ends[0] >= 0) for (const other of boxes.slice(ends[0], ends[1] + 1)) other.checked = box.checked;
    last = box;
  });
}

function startDrop() {
  for (const type of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(type, (event) => {
      const zone = event.target.closest?.("[data-drop]");
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("over", type === "dragover");
      const input = zone.querySelector("input[type=file]");
      if (type !== "drop" || !event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
  document.addEventListener("change", (event) => {
    const label = event.target.closest?.("[data-drop]")?.querySelector("[data-file-name]");
    if (label && event.target.files?.[0]) label.textContent = event.target.files[0].name;
  });
}

/* ── shell ── */
function startShell() {
  const root = document.documentElement;
  // Rows that scroll sideways on a phone, and a column of settings longer than the window, start at where one is. The row alone: scrollIntoView would take the page's top away with it.
  for (const here of document.querySelectorAll(".subnav [aria-current], .stages [aria-current]")) {
    const row = here.closest(".subnav, .stages");
    const [at, within] = [here.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollBy({ left: at.left + at.width / 2 - within.left - within.width / 2, top: at.top + at.height / 2 - within.top - within.height / 2, behavior: "instant" });
  }
  document.querySelector("[data-fold]")?.addEventListener("click", () => {
    const folded = root.dataset.sidebar !== "folded";
    if (folded) root.dataset.sidebar = "folded"; else delete root.dataset.sidebar;
    try { localStorage.setItem("sidebar", folded ? "folded" : "open"); } catch { /* not remembered, still folded */ }
  });
  document.querySelector("[data-theme-form]")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const theme = event.submitter.value;
    root.dataset.theme = theme;
    root.dataset.bsTheme = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches) ? "dark" : "light";
    document.dispatchEvent(new CustomEvent("theme:change"));
    for (const button of event.target.querySelectorAll("[name=theme]")) if (button === event.submitter) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
    const reply = await post(event.target.action, { theme, csrf_token: csrf() });
    if (!reply.ok) toast({ kind: "danger", text: `The theme could not be saved. ${reply.message}` });
  });
}

startDialogs();
startPalette();
startShell();
startForms();
startHtmx();
startLive();
startNotices();
adoptToasts();
upgrade();
