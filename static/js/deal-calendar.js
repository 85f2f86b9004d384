// Deals by expected close in a month (FullCalendar). A deal dropped on another day is to close then; the server may refuse, and it goes
// back. A busy day shows its first few and leads to the list of the rest.
import { get, post } from "./http.js";
import { announce, toast } from "./toast.js";

const root = document.getElementById("calendar");
const data = JSON.parse(document.getElementById("calendar-data").textContent);
let calendar;
let inline = data;
let held = 0; // in somebody's hand, or on its way to the server
let stale = false;
let focused; // what has the focus back once it is drawn anew

const toEvent = (deal, place) => ({
  id: deal.i ?? `more-${place}`, title: deal.t, start: deal.s, allDay: true, editable: data.edit && Boolean(deal.i), order: deal.i ? 0 : 1, url: deal.u,
  classNames: [`c-${deal.c || "slate"}`, deal.o && "is-overdue", !deal.i && "is-more"].filter(Boolean), extendedProps: deal,
});

async function load({ startStr, endStr }, done, failed) {
  const [from, to] = [startStr.slice(0, 10), endStr.slice(0, 10)];
  const here = inline && inline.from <= from && inline.to >= to ? inline.deals : null;
  inline = null;
  if (here) return done(here.map(toEvent));
  const query = new URLSearchParams(location.search);
  for (const [name, value] of [["from", from], ["to", to]]) query.set(name, value);
  query.delete("date");
  const reply = await get(`/pipeline/${root.dataset.board}/calendar/deals?${query}`);
  if (!reply.ok) {
    toast({ kind: "danger", text: reply.message });
    return failed(new Error(reply.message));
  }
  done(JSON.parse(reply.html).map(toEvent));
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function content({ event }) {
  const deal = event.extendedProps;
  const line = element("div", "cal-entry", "");
  const title = element("span", "cal-subject", event.title);
  title.dir = "auto";
  line.append(title);
  if (deal.a) line.append(element("span", "cal-time num", deal.a));
  return { domNodes: [line] };
}

function mounted({ event, el }) {
  const deal = event.extendedProps;
  const words = [deal.o && "Overdue", event.title, deal.a, deal.n, deal.g, deal.w].filter(Boolean).join(", ");
  el.dataset.id = event.id;
  el.title = words;
  el.setAttribute("aria-label", words);
}

async function save(event, revert) {
  const id = event.id;
  held += 1;
  const reply = await post(`/deals/${id}/forecast`, { on: event.startStr.slice(0, 10) });
  held -= 1;
  if (!reply.ok) {
    revert();
    if (!reply.toasted) toast({ kind: "danger", text: `${event.title} was not moved. ${reply.message}` });
    announce(reply.message);
  }
  focused = id;
  refetch();
}

/** Alt and an arrow do what dragging does. */
function onKey(event) {
  const el = event.target.closest?.(".fc-event");
  const rtl = document.documentElement.dir === "rtl" ? -1 : 1;
  const days = { ArrowLeft: -rtl, ArrowRight: rtl, ArrowUp: -7, ArrowDown: 7 }[event.key];
  const deal = el && event.altKey && days && calendar.getEventById(el.dataset.id);
  if (!deal) return;
  event.preventDefault();
  if (!data.edit || !deal.extendedProps.i) return announce("It cannot be moved.");
  const before = deal.start;
  deal.moveDates({ days });
  announce(`${deal.title}: ${deal.startStr.slice(0, 10)}`);
  save(deal, () => deal.setDates(before, null, { allDay: true }));
}

function onDates({ view }) {
  const date = calendar.formatIso(calendar.getDate()).slice(0, 10);
  document.getElementById("cal-title").textContent = view.title;
  const query = new URLSearchParams(location.search);
  if (date.slice(0, 7) === data.today.slice(0, 7)) query.delete("date");
  else query.set("date", date);
  const here = `${location.pathname}${query.size ? `?${query}` : ""}`;
  if (location.pathname + location.search !== here) history.replaceState(history.state, "", here);
}

let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(refetch, 250);
}

function refetch() {
  stale = held > 0;
  if (stale) return;
  focused ??= document.activeElement?.closest?.(".fc-event")?.dataset.id;
  calendar.refetchEvents();
  window.htmx?.ajax("GET", location.href, { target: "#board-summary", select: "#board-summary", swap: "outerMorph", selectOOB: "#board-aim:outerMorph" });
}

function drawn() {
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (focused) root.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    focused = undefined;
    // A day is named by its number and by what stands in it, not by its date alone.
    for (const day of root.querySelectorAll("td[aria-labelledby]")) day.removeAttribute("aria-labelledby");
    for (const scroller of root.querySelectorAll(".fc-scroller")) if (scroller.scrollHeight > scroller.clientHeight && !scroller.querySelector("a[href]")) scroller.tabIndex = 0;
  }));
}

const letGo = () => { held -= 1; if (stale && !held) refetch(); };

calendar = new window.FullCalendar.Calendar(root, {
  initialView: "dayGridMonth", initialDate: data.date, now: data.today, timeZone: "UTC", locale: data.locale, firstDay: 1, fixedWeekCount: true, headerToolbar: false,
  height: "100%", direction: document.documentElement.dir === "rtl" ? "rtl" : "ltr", businessHours: { daysOfWeek: data.working }, dayMaxEvents: false,
  eventOrder: "order", eventInteractive: true, editable: data.edit, eventDurationEditable: false, longPressDelay: 350,
  events: load, eventContent: content, eventDidMount: mounted, datesSet: onDates, eventsSet: drawn,
  eventDragStart: () => { held += 1; }, eventDragStop: letGo, eventDrop: ({ event, revert }) => save(event, revert),
});
calendar.render();
root.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => {
  const step = event.target.closest("[data-step]");
  if (!step || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  calendar[step.dataset.step]();
});
for (const name of ["deals", "refresh", "undo:done"]) document.addEventListener(name, later);
document.addEventListener("htmx:sse:after:connection", ({ detail }) => { if (detail.connection.attempt > 0) setTimeout(refetch, Math.random() * 500); });
