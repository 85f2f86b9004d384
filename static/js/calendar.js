// Day, week and month: FullCalendar over /calendar/entries. What is dragged is saved at once and goes back when the server refuses.
// The days as a list and people side by side are drawn by the server, and asked for anew when somebody changes an activity.
// Times are the clock of the person's own zone everywhere: the server says and hears "14:30", and nothing here converts.
import { get, post } from "./http.js";
import { announce, toast } from "./toast.js";
import { openEntry, openNew, start as startDialogs } from "./calendar-dialogs.js";

const root = document.getElementById("calendar");
const data = root && JSON.parse(document.getElementById("calendar-data").textContent);
const narrow = matchMedia("(max-width: 640px)").matches;
const VIEWS = { day: "timeGridDay", week: narrow ? "threeDays" : "timeGridWeek", month: "dayGridMonth" };
const keyOf = (type) => Object.keys(VIEWS).find((key) => VIEWS[key] === type) ?? "week";
const opened = Date.now();
let calendar;
let inline = data;
let held = 0; // in somebody's hand, or on its way to the server
let stale = false;
let shown = data?.view;
let focused; // the entry that has it back after a refetch

/** The clock of the person's zone. */
const now = () => new Date(Date.parse(`${data.now}Z`) + Date.now() - opened).toISOString().slice(0, 19);

const toEvent = (entry, place) => ({
  id: entry.i ?? `busy-${place}`,
  title: entry.t,
  start: entry.s,
  end: entry.e,
  allDay: entry.s.length === 10,
  editable: data.edit && !entry.b && !entry.x,
  classNames: [`c-${entry.c ?? "slate"}`, entry.b && "is-busy", entry.x && "is-closed", entry.o && "is-overdue", entry.w && "is-task"].filter(Boolean),
  extendedProps: entry,
});

async function load({ startStr, endStr }, done, failed) {
  const [from, to] = [startStr.slice(0, 10), endStr.slice(0, 10)];
  if (inline && inline.from <= from && inline.to >= to) {
    const entries = inline.entries;
    inline = null;
    return done(entries.map(toEvent));
  }
  inline = null;
  const reply = await get(`/calendar/entries?from=${from}&to=${to}`);
  if (!reply.ok) {
    toast({ kind: "danger", text: reply.message });
    return failed(new Error(reply.message));
  }
  done(JSON.parse(reply.html).map(toEvent));
}

/* ── how an entry looks ── */
function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon icon-sm");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
  svg.firstChild.setAttribute("href", `${root.dataset.icons}#${name}`);
  return svg;
}

function content({ event, timeText }) {
  const told = event.extendedProps;
  const line = element("div", "cal-entry");
  line.append(icon(told.o ? "alert-circle" : told.b ? "lock" : told.x ? "check" : told.k || "calendar"));
  if (timeText) line.append(element("span", "cal-time num", timeText));
  const title = element("span", "cal-subject", event.title);
  title.dir = "auto";
  line.append(title);
  if (data.people.length > 1) {
    for (const place of told.p ?? []) line.append(element("span", `av ${data.people[place]?.class ?? ""}`, data.people[place]?.initials ?? ""));
  }
  return { domNodes: [line] };
}

function mounted({ event, el, timeText }) {
  const told = event.extendedProps;
  const whose = data.people.length > 1 ? (told.p ?? []).map((place) => data.people[place]?.name) : [];
  const words = [told.o && "Overdue", told.n, event.title, timeText, told.a, told.l, ...whose].filter(Boolean).join(", ");
  el.dataset.id = event.id;
  el.title = words;
  el.setAttribute("role", "button");
  el.setAttribute("aria-label", words);
}

/* ── moves ── */
const minutesOf = (event) => (event.end ? Math.round((event.end - event.start) / 60000) : null);

/** What the server is told: the length only when it changed. */
function fields(event, before) {
  const all = { version: event.extendedProps.v, on: event.startStr.slice(0, 10), time: event.allDay ? "" : event.startStr.slice(11, 16) };
  const [is, was] = [minutesOf(event), minutesOf(before)];
  if (event.allDay !== before.allDay) all.minutes = "";
  else if (is !== was) all.minutes = event.allDay && is === 1440 ? "" : (is ?? "");
  return all;
}

async function save(event, before, revert) {
  const { id } = event;
  held += 1;
  const reply = await post(`/activities/${id}/time`, fields(event, before));
  held -= 1;
  // Entries may have been fetched anew meanwhile: the one in hand is none of theirs any more.
  if (reply.ok) calendar.getEventById(id)?.setExtendedProp("v", JSON.parse(reply.html).v);
  else {
    revert();
    toast({ kind: "danger", text: reply.message });
    announce(reply.message);
    stale = true;
  }
  if (stale) refetch();
  focus(id);
}

/** Once it is drawn: entries are drawn anew when they change, and what had the focus is another element then. */
const focus = (id) => requestAnimationFrame(() => requestAnimationFrame(() => root.querySelector(`[data-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: true })));

/** Whoever scrolls by keyboard needs something to hold: an entry or a link, or else the empty days themselves, which are no grid then. */
function reach() {
  for (const scroller of root.querySelectorAll(".fc-scroller")) {
    const scrolls = scroller.scrollHeight > scroller.clientHeight && getComputedStyle(scroller).overflowY !== "hidden";
    if (!scrolls || scroller.querySelector("a[href], .fc-event")) scroller.removeAttribute("tabindex");
    else {
      scroller.tabIndex = 0;
      flatten();
    }
  }
}

function flatten() {
  for (const part of root.querySelectorAll('[role="grid"], [role="rowgroup"], [role="row"], [role="gridcell"], [role="columnheader"]')) {
    part.removeAttribute("aria-labelledby");
    part.setAttribute("role", "presentation");
  }
}

/** Alt and an arrow do what dragging does: a day or a quarter of an hour; with Shift the end moves. */
function onKey(event) {
  const el = event.target.closest?.(".fc-event");
  const step = { ArrowLeft: { days: -1 }, ArrowRight: { days: 1 }, ArrowUp: { minutes: -15 }, ArrowDown: { minutes: 15 } }[event.key];
  const entry = el && event.altKey && step && calendar.getEventById(el.dataset.id);
  if (!entry) return;
  event.preventDefault();
  if (!entry.startEditable && !(data.edit && !entry.extendedProps.b && !entry.extendedProps.x)) return announce("It cannot be moved.");
  if (entry.allDay && step.minutes) return;
  const before = { allDay: entry.allDay, start: entry.start, end: entry.end };
  const revert = () => entry.setDates(before.start, before.end, { allDay: before.allDay });
  if (event.shiftKey) entry.setEnd(new Date((entry.end ?? new Date(+entry.start + 1800000)).getTime() + (step.minutes ?? step.days * 1440) * 60000));
  else entry.moveDates(step);
  if (entry.end && entry.end <= entry.start) return revert();
  announce(`${entry.title}: ${entry.startStr.slice(0, 16).replace("T", " ")}`);
  save(entry, before, revert);
}

/* ── where one is ── */
function onDates({ view }) {
  const key = keyOf(view.type);
  const date = calendar.formatIso(calendar.getDate()).slice(0, 10);
  document.getElementById("cal-title").textContent = view.title;
  const here = `/calendar?view=${key}&date=${date}`;
  if (location.pathname + location.search !== here) history.replaceState(history.state, "", here);
  for (const tab of document.querySelectorAll("[data-cal-view]")) {
    tab.href = `/calendar?view=${tab.dataset.calView}&date=${date}`;
    if (tab.dataset.calView === key) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  for (const field of document.querySelectorAll("[data-cal-date]")) field.value = date;
  for (const field of document.querySelectorAll('.cal-choice [name="view"]')) field.value = key;
  requestAnimationFrame(reach);
  if (key !== shown) remember(key);
}

function remember(view) {
  shown = view;
  post("/calendar/choice", { view });
}

function onClick(event) {
  const step = event.target.closest("[data-cal-step]");
  const tab = event.target.closest("[data-cal-view]");
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (step && calendar) {
    event.preventDefault();
    calendar[step.dataset.calStep]();
  } else if (tab && calendar && VIEWS[tab.dataset.calView]) {
    event.preventDefault();
    calendar.changeView(VIEWS[tab.dataset.calView]);
  } else if (event.target.closest("[data-cal-new]")) {
    event.preventDefault();
    openNew(calendar ? { on: calendar.formatIso(calendar.getDate()).slice(0, 10) } : {});
  }
  const cell = event.target.closest("td.cal-free, td.cal-off");
  if (cell) openNew({ time: cell.dataset.time, person: cell.dataset.person });
}

/* ── what others do meanwhile ── */
let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(refetch, 250);
}

function refetch() {
  if (!calendar) return void window.htmx?.ajax("GET", location.href, { target: "#calendar-days", select: "#calendar-days", swap: "outerMorph" });
  stale = held > 0;
  if (stale) return;
  focused = document.activeElement?.closest?.(".fc-event")?.dataset.id;
  calendar.refetchEvents();
}

function onRecords({ detail }) {
  try {
    if (JSON.parse(detail.data).record === "activity") later();
  } catch { /* not ours */ }
}

const holding = () => { held += 1; };
const letGo = () => { held -= 1; if (stale && !held) refetch(); };

function draw() {
  const clock = { hour: data.twelve ? "numeric" : "2-digit", minute: "2-digit", hour12: data.twelve };
  calendar = new window.FullCalendar.Calendar(root, {
    initialView: VIEWS[data.view], initialDate: data.date, views: { threeDays: { type: "timeGrid", duration: { days: 3 } } },
    timeZone: data.zone, now, locale: data.locale, firstDay: 1, headerToolbar: false, height: "100%", nowIndicator: true,
    businessHours: data.hours, scrollTime: data.hours[0]?.startTime ?? "08:00", slotDuration: "00:30", snapDuration: "00:15",
    slotLabelFormat: clock, eventTimeFormat: clock, dayMaxEvents: true, navLinks: true, eventInteractive: true, allDayText: "All day",
    displayEventEnd: false, defaultTimedEventDuration: "00:30", forceEventDuration: false, longPressDelay: 350, slotEventOverlap: false,
    editable: data.edit, selectable: data.create, selectMirror: true, unselectCancel: "dialog",
    events: load, eventContent: content, eventDidMount: mounted, datesSet: onDates, eventsSet: () => { if (focused) focus(focused); focused = null; requestAnimationFrame(reach); },
    navLinkDayClick: (date) => calendar.changeView(VIEWS.day, date),
    eventClick: (info) => { info.jsEvent.preventDefault(); if (!info.event.extendedProps.b) openEntry(info.event, data.edit); },
    select: (info) => openNew(info.allDay ? { on: info.startStr, days: Math.round((info.end - info.start) / 86400000) } : { on: info.startStr.slice(0, 10), time: info.startStr.slice(11, 16), minutes: Math.round((info.end - info.start) / 60000) }),
    eventDragStart: holding, eventDragStop: letGo, eventResizeStart: holding, eventResizeStop: letGo,
    eventDrop: ({ event, oldEvent, revert }) => save(event, oldEvent, revert),
    eventResize: ({ event, oldEvent, revert }) => save(event, oldEvent, revert),
  });
  calendar.render();
  root.addEventListener("keydown", onKey);
}

document.addEventListener("click", onClick);
document.addEventListener("records", onRecords);
document.addEventListener("refresh", later);
document.addEventListener("undo:done", later);
document.addEventListener("htmx:sse:after:connection", ({ detail }) => { if (detail.connection.attempt > 0) setTimeout(refetch, Math.random() * 500); });
startDialogs({ changed: () => (calendar ? refetch() : location.reload()), unselect: () => calendar?.unselect() });
if (root) draw();
const current = document.querySelector("[data-cal-view][aria-current]").dataset.calView;
if (current !== document.querySelector("[data-cal-kept]").dataset.calKept) remember(current);
