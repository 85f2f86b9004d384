// Other people's moves. The stream carries ids only; the board asks for those cards as this person may see them.
import { get, tabId } from "./http.js";
import { applyReply, cardById, held, listOf, onFree, upgradeAll } from "./board-cards.js";

const GATHER = 60; // ms: a bulk change is many events, one request
let board;
let ids = new Set();
let timer;
let stale = false;

export function startLive(root) {
  board = root;
  document.addEventListener("deals", ({ detail }) => onDeals(detail));
  document.addEventListener("refresh", () => refetch());
  document.addEventListener("undo:done", () => refetch());
  // A reconnect follows a gap in which events were missed. Not all tabs at once: the server has just come back.
  document.addEventListener("htmx:sse:after:connection", ({ detail }) => { if (detail.connection.attempt > 0) setTimeout(refetch, Math.random() * 500); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) refetch(); });
  document.addEventListener("htmx:after:swap", (event) => { if (event.detail?.ctx?.target?.matches?.("#board, .lane-more")) upgradeAll(); });
  onFree(() => { if (stale) refetch(); else if (ids.size) schedule(); });
}

function onDeals(detail) {
  let news;
  try { news = JSON.parse(detail.data); } catch { return; }
  if (news.by === tabId) return;
  const concerns = news.ids?.some(cardById) || news.stages?.some(listOf);
  if (!concerns) return;
  if (!news.ids?.length) return refetch();
  news.ids.forEach((id) => ids.add(id));
  schedule();
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(fetchChanged, GATHER);
}

async function fetchChanged() {
  const asked = [...ids].filter((id) => !held.has(id));
  if (!asked.length) return;
  asked.forEach((id) => ids.delete(id));
  const query = new URLSearchParams(location.search);
  query.delete("ids");
  const reply = await get(`/pipeline/${board.dataset.board}/cards?ids=${asked.join(",")}&${query}`);
  if (!reply.ok) return;
  const { ids: shown } = applyReply(reply.html, { highlight: true });
  for (const id of asked) if (!shown.includes(id) && !held.has(id)) cardById(id)?.remove();
}

/** The whole board again, and what is said above it, morphed in place so that scroll and focus stay; waits while a card is in someone's hand. */
function refetch() {
  stale = held.size > 0;
  if (stale || !window.htmx) return;
  window.htmx.ajax("GET", location.href, { target: "#board", select: "#board", swap: "outerMorph", selectOOB: "#board-summary:outerMorph,#board-aim:outerMorph" });
}
