// The bell counts along, its panel shows the latest, and a browser that was told to shows what is new.
import { get } from "./http.js";

const GATHER = 250; // ms: not all of many people's tabs at once, and one request for many notices
const ON = "notices"; // localStorage: "on" when this browser shows notifications
const SHOWN = "notices-shown"; // localStorage: ids of the last that it showed
let bell, panel, timer, wake, background;

export function start() {
  bell = document.getElementById("bell");
  panel = document.getElementById("menu-notices");
  if (!bell || !panel) return;
  document.addEventListener("notices", later);
  document.addEventListener("refresh", later);
  // A reconnect follows a gap in which events were missed.
  document.addEventListener("htmx:sse:after:connection", ({ detail }) => { if (detail.connection.attempt > 0) later(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) later(); });
  panel.addEventListener("toggle", (event) => { if (event.newState === "open") open(); });
  document.addEventListener("visibilitychange", listen);
  listen();
  startSwitch();
  show();
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(refresh, GATHER + Math.random() * GATHER);
}

async function refresh() {
  const reply = await get("/notifications/bell");
  if (reply.ok) bell.innerHTML = reply.html;
  if (panel.matches(":popover-open")) open();
  show();
}

function open() {
  window.htmx.ajax("GET", "/notifications/panel", { source: panel, target: panel, swap: "innerHTML" });
}

/* ── browser notifications ── */
const isOn = () => "Notification" in window && Notification.permission === "granted" && stored(ON) === "on";

function stored(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function store(key, value) {
  try { localStorage.setItem(key, value); } catch { /* for this page only */ }
}

/** htmx closes its stream in tabs that nobody looks at; just then it is the browser that should say something. */
function listen() {
  const wanted = document.hidden && isOn();
  if (wanted && !background) {
    background = new EventSource("/live");
    background.addEventListener("notices", show);
  } else if (!wanted && background) {
    background.close();
    background = undefined;
  }
}

/** One tab after the other, each leaving out what another has shown. */
async function show() {
  if (!isOn()) return;
  if (navigator.locks) await navigator.locks.request("pipewright-notices", showNew);
  else await showNew();
}

async function showNew() {
  const response = await fetch("/notifications/browser", { credentials: "same-origin", headers: { Accept: "application/json" } }).catch(() => null);
  if (!response?.ok || response.redirected) return;
  const { notices, quiet_until: until } = await response.json();
  clearTimeout(wake);
  if (until) wake = setTimeout(show, Math.min(new Date(until) - Date.now() + 1000, 2 ** 31 - 1));
  let shown = [];
  try { shown = JSON.parse(stored(SHOWN)) ?? []; } catch { /* begins anew */ }
  for (const notice of notices.filter(({ id }) => !shown.includes(id))) {
    shown.push(notice.id);
    const note = new Notification(notice.title, { body: notice.body, tag: notice.id, icon: document.querySelector("link[rel=icon]")?.href });
    note.addEventListener("click", () => { window.focus(); location.assign(notice.href); note.close(); });
  }
  store(SHOWN, JSON.stringify(shown.slice(-100)));
}

/** Settings → Notifications: the browser asks only when its switch is turned on there. */
function startSwitch() {
  const box = document.querySelector("[data-browser-notices]");
  const button = box?.querySelector("[data-browser-switch]");
  const state = box?.querySelector("[data-browser-state]");
  if (!button || !state) return;
  const tell = () => {
    const possible = "Notification" in window && Notification.permission !== "denied";
    button.hidden = !possible;
    button.textContent = isOn() ? "Turn off" : "Turn on";
    if (!("Notification" in window)) state.textContent = "This browser cannot show notifications.";
    else if (Notification.permission === "denied") state.textContent = "This browser was told not to show notifications of this site. Its own settings change that.";
    else if (isOn()) state.textContent = "This browser shows notifications while Pipewright is open, even in another tab.";
    else state.textContent = "Notifications are off in this browser.";
  };
  button.addEventListener("click", async () => {
    if (isOn()) store(ON, "off");
    else if ((await Notification.requestPermission()) === "granted") {
      store(ON, "on");
      show();
    }
    tell();
  });
  tell();
}
