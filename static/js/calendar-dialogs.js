// The calendar's two dialogs: a new activity, and one that is there, with the form that moves it for whoever does not drag.
import { newId, post } from "./http.js";
import { toast } from "./toast.js";

const created = document.getElementById("calendar-new");
const entry = document.getElementById("calendar-entry");
let changed;
let unselect;
let shown;

export function start(hooks) {
  ({ changed, unselect } = hooks);
  created?.addEventListener("close", () => unselect());
  created?.querySelector("form").addEventListener("submit", plan);
  created?.querySelector("[name=type_id]").addEventListener("change", ({ target }) => {
    const length = created.querySelector("[name=minutes]");
    if (!length.dataset.given) length.value = target.selectedOptions[0].dataset.minutes;
  });
  created?.querySelector("[data-cal-more]").addEventListener("click", (event) => {
    const said = new URLSearchParams([...new FormData(created.querySelector("form"))].filter(([name, value]) => value && !["csrf_token", "id"].includes(name)));
    event.currentTarget.href = `/activities/new?${said}`;
  });
  entry.querySelector("[data-cal-move]").addEventListener("submit", move);
  entry.querySelector("[data-cal-done]").addEventListener("click", () => act(`/activities/${shown.id}/completion`, {}));
}

/** What is said of the slot that was clicked: day, time, length or days, whose. */
export function openNew({ on, time = "", minutes, days, person }) {
  if (!created) return;
  const form = created.querySelector("form");
  const kind = form.elements.type_id;
  if (on) form.elements.on.value = on;
  form.elements.id.value = newId();
  form.elements.time.value = time;
  const given = minutes && minutes !== 30 ? minutes : days > 1 ? days * 1440 : "";
  form.elements.minutes.dataset.given = given ? "yes" : "";
  form.elements.minutes.value = given || (time ? kind.selectedOptions[0].dataset.minutes : "");
  form.elements.owner_id.value = person ?? form.elements.owner_id.dataset.own;
  problem(form, "");
  created.showModal();
  form.elements.subject.focus();
}

function problem(form, text) {
  const line = form.querySelector("[data-cal-problem]");
  line.textContent = text;
  line.hidden = !text;
}

async function plan(event) {
  event.preventDefault();
  event.stopPropagation();
  const form = event.target;
  const reply = await post("/calendar/activities", new FormData(form));
  if (!reply.ok) return problem(form, reply.message);
  form.elements.subject.value = "";
  created.close();
  changed();
}

/** An entry of the calendar (a FullCalendar event), and whether it may be changed. */
export function openEntry(event, edit) {
  shown = event;
  const told = event.extendedProps;
  const open = edit && !told.x;
  entry.querySelector("h2").textContent = event.title;
  entry.querySelector("h2").dir = "auto";
  entry.querySelector("[data-cal-about]").textContent = [told.o && "Overdue", told.n, told.a, told.l].filter(Boolean).join(" · ");
  entry.querySelector("[data-cal-open]").href = `/activities/${event.id}`;
  entry.querySelector("[data-cal-done]").hidden = !open;
  const form = entry.querySelector("[data-cal-move]");
  form.hidden = !open;
  // As it stands now: what the server last told may be a move ago.
  form.elements.on.value = event.startStr.slice(0, 10);
  form.elements.time.value = event.allDay ? "" : event.startStr.slice(11, 16);
  form.elements.minutes.value = event.end ? (event.end - event.start) / 60000 : "";
  entry.showModal();
}

async function move(event) {
  event.preventDefault();
  event.stopPropagation();
  const { on, time, minutes } = event.target.elements;
  await act(`/activities/${shown.id}/time`, { version: shown.extendedProps.v, on: on.value, time: time.value, minutes: minutes.value });
}

async function act(url, fields) {
  const reply = await post(url, fields);
  if (!reply.ok && !reply.toasted) toast({ kind: "danger", text: reply.message });
  entry.close();
  changed();
}
