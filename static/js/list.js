// A list's table: column widths by drag or arrow keys, shift-click to sort by several, groups that fetch their rows when opened.
import { get, parse, post } from "./http.js";
import { toast } from "./toast.js";

const NARROWEST = 56;
const WIDEST = 900;
const STEP = 16;
const ready = new WeakSet();

export function upgrade(root = document) {
  for (const head of root.querySelectorAll("thead[data-widths]")) if (!ready.has(head)) { ready.add(head); handles(head); }
}

/* ── widths ── */
function handles(head) {
  const columns = [...head.closest("table").querySelectorAll("col[width]")];
  [...head.querySelectorAll("th[data-column]")].forEach((cell, n) => {
    const handle = document.createElement("span");
    handle.className = "col-size";
    handle.tabIndex = 0;
    handle.setAttribute("role", "separator");
    handle.setAttribute("aria-orientation", "vertical");
    handle.setAttribute("aria-label", `Width of ${cell.textContent.trim()}`);
    handle.setAttribute("aria-valuemin", NARROWEST);
    handle.setAttribute("aria-valuemax", WIDEST);
    const column = columns[n];
    const tell = () => handle.setAttribute("aria-valuenow", column.getAttribute("width"));
    const size = (width) => { column.setAttribute("width", Math.round(Math.min(WIDEST, Math.max(NARROWEST, width)))); tell(); };
    const keep = () => save(head.dataset.widths, cell.dataset.column, column.getAttribute("width"));
    tell();
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      const [start, from] = [event.clientX, cell.getBoundingClientRect().width];
      const sign = getComputedStyle(cell).direction === "rtl" ? -1 : 1;
      const move = (e) => size(from + sign * (e.clientX - start));
      handle.addEventListener("pointermove", move);
      handle.addEventListener("lostpointercapture", () => { handle.removeEventListener("pointermove", move); keep(); }, { once: true });
    });
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
      if (!step) return;
      event.preventDefault();
      size(Number(column.getAttribute("width")) + step);
      keep();
    });
    cell.append(handle);
  });
}

let timer;
function save(url, column, width) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const reply = await post(url, { column, width });
    if (!reply.ok) toast({ kind: "danger", text: `The width was not saved. ${reply.message}` });
  }, 300);
}

/* ── what does not fit its column is said in full ── */
document.addEventListener("pointerover", (event) => {
  const cell = event.target.closest?.("td");
  if (!cell || cell.title || !cell.closest("table:has(> thead[data-widths])")) return;
  const short = [cell, ...cell.querySelectorAll("a, .truncate")].some((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0);
  if (short) cell.title = cell.textContent.trim();
});

/* ── sort by several ── */
document.addEventListener("click", (event) => {
  const link = event.target.closest("th a[data-also]");
  if (!link || !event.shiftKey || !link.dataset.also) return;
  event.preventDefault();
  location.assign(link.dataset.also);
});

/* ── groups ── */
document.addEventListener("toggle", async ({ target }) => {
  if (!target.matches?.("details[data-rows]") || !target.open || target.dataset.loaded) return;
  target.dataset.loaded = "true";
  const into = target.querySelector("[data-into]");
  into.ariaBusy = "true";
  const reply = await get(target.dataset.rows);
  into.ariaBusy = "false";
  if (!reply.ok) {
    delete target.dataset.loaded;
    return toast({ kind: "danger", text: reply.message });
  }
  into.replaceChildren(parse(reply.html));
  window.htmx?.process(into);
  upgrade(into);
}, true);
