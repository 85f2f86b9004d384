// Parts of a page that fetch themselves anew ([data-refresh] with an id): after a value was edited in place, and when a colleague changed
// what the page shows. The stream carries ids only; the page is asked for as this person may see it. What somebody is typing in, or has
// open, stays as it is until they have left it.
import { get } from "./http.js";

const GATHER = 150; // ms: one save is several events, one request
const SPREAD = 1500; // ms: a message to all tabs must not bring them all at once
const page = location.pathname.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/)?.[0];
let started = false;
let timer;
let running = false;
let again = false;
let waiting = false; // something was left as it is

export function upgrade() {
  if (started) return;
  started = true;
  document.addEventListener("records", onNews);
  document.addEventListener("deals", onNews);
  document.addEventListener("refresh", () => soon(Math.random() * SPREAD));
  // A reconnect follows a gap in which events were missed.
  document.addEventListener("htmx:sse:after:connection", ({ detail }) => { if (detail.connection.attempt > 0) soon(Math.random() * SPREAD); });
  document.addEventListener("focusout", () => { if (waiting) soon(); });
  document.addEventListener("toggle", (event) => { if (waiting && !event.target.open) soon(); }, true);
}

function onNews({ detail }) {
  let news;
  try { news = JSON.parse(detail.data); } catch { return; }
  if (page && news.ids?.includes(page)) soon();
}

function soon(more = 0) {
  clearTimeout(timer);
  timer = setTimeout(refresh, GATHER + more);
}

/** Takes every such part from the page as it is now. */
export async function refresh() {
  if (running) { again = true; return; }
  running = true;
  try {
    await fetchParts();
  } finally {
    running = false;
  }
  if (again) { again = false; soon(); }
}

async function fetchParts() {
  const parts = [...document.querySelectorAll("[data-refresh][id]")];
  if (!parts.length) return;
  const reply = await get(location.href);
  if (!reply.ok || !reply.html) return;
  const fresh = new DOMParser().parseFromString(reply.html, "text/html");
  document.title = fresh.title || document.title;
  waiting = false;
  for (const part of parts) {
    if (!part.isConnected) continue;
    const now = part.id === "timeline" ? await timeline(part, fresh) : fresh.getElementById(part.id);
    if (now) put(part, now);
  }
}

/** Under another filter than the page's address says, the timeline is asked for by itself. */
async function timeline(part, fresh) {
  const chosen = part.querySelector("[aria-current][hx-get]")?.getAttribute("hx-get");
  const whole = fresh.getElementById(part.id);
  if (!whole || !chosen || whole.querySelector("[aria-current][hx-get]")?.getAttribute("hx-get") === chosen) return whole;
  const reply = await get(chosen);
  return reply.ok ? new DOMParser().parseFromString(reply.html, "text/html").getElementById(part.id) : null;
}

function put(part, now) {
  if (same(part, now)) return;
  const entries = part.querySelector("#timeline-entries");
  if (entries) return merge(part, entries, now);
  if (busy(part)) { waiting = true; return; }
  replace(part, now);
}

/** The timeline keeps the older entries that were asked for, and each entry in which somebody is writing. */
function merge(part, entries, now) {
  const fresh = [...now.querySelector("#timeline-entries").children];
  const known = new Map([...entries.children].map((entry) => [entry.id, entry]));
  const ids = new Set(fresh.map((entry) => entry.id));
  const last = [...entries.children].findLastIndex((entry) => ids.has(entry.id));
  const loaded = last >= 0 && last < entries.children.length - 1;
  for (const gone of [...entries.children].slice(0, loaded ? last : undefined)) {
    if (!ids.has(gone.id) && !left(gone)) gone.remove();
  }
  let before = null;
  for (const entry of fresh.reverse()) {
    const old = known.get(entry.id);
    let here = old;
    if (!old) {
      here = document.adoptNode(entry);
      entries.insertBefore(here, before ?? (loaded ? entries.children[last + 1] ?? null : null));
      wake(here);
    } else if (!same(old, entry) && !left(old)) {
      here = replace(old, entry);
    }
    before = here;
  }
  if (loaded) return;
  for (const place of ["#timeline-more", ":scope > p.muted"]) {
    const [mine, theirs] = [part.querySelector(place), now.querySelector(place)];
    if (mine && theirs) replace(mine, theirs);
    else mine?.remove();
  }
}

function left(element) {
  const is = busy(element);
  waiting ||= is;
  return is;
}

function replace(part, now) {
  const fresh = document.adoptNode(now);
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceWith(fresh);
  wake(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  return fresh;
}

function wake(element) {
  window.htmx?.process(element);
  document.dispatchEvent(new CustomEvent("parts:fresh", { detail: element }));
}

/** Somebody is at it: the focus is there (and could not be given back), something is typed or open. */
function busy(part) {
  const focus = document.activeElement;
  if (part.contains(focus) && focus !== part && (!focus.id || focus.matches("input, textarea, select, trix-editor"))) return true;
  if (part.querySelector(".inline-form, tr .line-form, details[open]")) return true;
  return [...part.querySelectorAll("input:not([type=hidden]), textarea, select, trix-editor")].some(typed);
}

function typed(field) {
  if (field.localName === "trix-editor") return Boolean(field.editor?.getDocument().toString().trim());
  if (field.localName === "select") return field.selectedOptions[0] !== ([...field.options].find((option) => option.defaultSelected) ?? field.options[0]);
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  return field.type !== "file" && field.value !== field.defaultValue;
}

/** But for ids that every rendering of a form chooses anew, and what scripts put there. */
function same(one, other) {
  return bare(one).isEqualNode(bare(other));
}

function bare(element) {
  const copy = element.cloneNode(true);
  for (const field of copy.querySelectorAll("input[type=hidden][name=id]")) field.removeAttribute("value");
  for (const list of copy.querySelectorAll(".mention-list")) list.remove();
  for (const field of copy.querySelectorAll("[data-mentions-ready]")) {
    for (const name of ["data-mentions-ready", "aria-autocomplete", "aria-controls"]) field.removeAttribute(name);
  }
  return copy;
}
