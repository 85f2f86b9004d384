// Requests made by our own modules: same headers as htmx sends, one way to read a refusal.
import { toast } from "./toast.js";

/** Random per tab, sent with every write, so that a tab can tell its own echo in the live stream. */
export const tabId = Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");

/** A new record's id (UUID version 7), so that a form sent twice makes one record. `crypto.randomUUID` needs HTTPS; this does not. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(Date.now()) << 16n) | BigInt(0x7000 | ((bytes[6] & 15) << 8) | bytes[7]));
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export const csrf = () => document.querySelector('meta[name="csrf-token"]').content;

export const requestHeaders = () => ({
  "HX-Request": "true",
  "HX-Request-Type": "partial",
  "HX-Current-URL": location.href,
  "X-CSRF-Token": csrf(),
  "X-Tab-Id": tabId,
});

/** GET a fragment. */
export const get = (url, options = {}) => send(url, { ...options, method: "GET" });

/** POST form-encoded fields (an object, FormData or URLSearchParams). `gone`: what the caller says where there is nothing any more;
 *  `told`: the caller says a refusal itself, beside the field. */
export const post = (url, fields, { gone = "", told = false } = {}) => send(url, { method: "POST", body: new URLSearchParams(fields) }, gone, told);

async function send(url, options, gone = "", told = false) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options, headers: { Accept: "text/html", ...requestHeaders() } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { ok: false, status: 0, html: "", message: "The server could not be reached. Nothing was changed; try again." };
  }
  const text = await response.text();
  const redirect = response.headers.get("HX-Redirect");
  if (redirect) location.assign(redirect);
  else if (response.redirected && new URL(response.url).pathname.startsWith("/login")) location.assign(response.url);
  if (response.status === 404 && gone) return { ok: false, status: 404, html: "", toasted: false, message: gone };
  const toasted = (response.ok || !told) && showTriggered(response.headers.get("HX-Trigger"));
  return {
    ok: response.ok,
    status: response.status,
    html: response.redirected ? "" : text,
    toasted,
    message: response.ok ? "" : problemText(response.status, response.headers.get("Content-Type"), text),
  };
}

function showTriggered(header) {
  try {
    const detail = header && JSON.parse(header).toast;
    if (detail) toast(detail);
    return Boolean(detail);
  } catch {
    return false; // a bare event name
  }
}

/** The words of a refusal: a JSON problem (RFC 9457), or the marked or first telling text of an HTML reply. */
export function problemText(status, type, text) {
  if ((type ?? "").includes("json")) {
    try {
      const problem = JSON.parse(text);
      const errors = Object.values(problem.errors ?? {}).flat().filter((e) => typeof e === "string");
      return errors.join(" ") || problem.detail || problem.message || problem.title || fallback(status);
    } catch { /* not JSON after all */ }
  }
  if ((type ?? "").includes("html")) {
    const page = parse(text);
    const telling = [...page.querySelectorAll("[data-problem], .invalid-feedback, [role=alert]")].map((e) => e.textContent.trim()).filter(Boolean);
    const words = telling.join(" ") || page.querySelector("h1")?.textContent.trim() || (text.length < 300 && page.textContent.trim());
    if (words) return words;
  } else if (text && text.length < 300) return text;
  return fallback(status);
}

function fallback(status) {
  if (status === 401) return "You have been signed out. Sign in again; nothing was changed.";
  if (status === 403) return "You may not do that.";
  if (status === 404) return "That is not there any more.";
  if (status === 409) return "Someone else changed it first. Look at their version, then try again.";
  if (status === 429) return "Too many requests at once. Wait a moment, then try again.";
  return "Something went wrong on our side. Nothing was changed.";
}

/** HTML text to a DocumentFragment (templates keep it inert). */
export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** Puts every <hx-partial hx-target="…"> of a reply in its place and takes it out of the fragment; returns how many there were. */
export function applyPartials(fragment) {
  const partials = [...fragment.querySelectorAll("hx-partial")];
  for (const partial of partials) {
    partial.remove();
    const target = document.querySelector(partial.getAttribute("hx-target"));
    if (!target) continue;
    if (partial.getAttribute("hx-swap")?.startsWith("outer")) target.replaceWith(...partial.childNodes);
    else keepFocus(target, () => target.replaceChildren(...partial.childNodes));
    window.htmx?.process(target);
  }
  return partials.length;
}

/** Runs a change inside `root` and gives focus back to the same control, known by its data or id. */
export function keepFocus(root, change) {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const again = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.dataset.quickAdd ? "[data-quick-add]" : null);
  change();
  if (again) root.querySelector(again)?.focus({ preventScroll: true });
}
