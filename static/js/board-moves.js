// What can be done with a deal: move it, win it, lose it, send it to another pipeline.
import { post } from "./http.js";
import { announce, toast } from "./toast.js";
import { asksFor, fillIn } from "./board-passing.js";
import { applyReply, cardById, cardsIn, listOf, nameOf, placeOf, refresh, rowFields, stageName, whereIs } from "./board-cards.js";

/** Moves of one card go to the server one after the other, in the order they were made. */
const queues = new Map();
function inTurn(id, run) {
  const turn = (queues.get(id) ?? Promise.resolve()).then(run, run);
  queues.set(id, turn);
  turn.finally(() => { if (queues.get(id) === turn) queues.delete(id); });
  return turn;
}

/** Of a card that another deleted while it was in someone's hand. */
const GONE = "It was deleted meanwhile, or is not yours to see any more.";

/** The card already stands where it was dropped; `origin` is where it came from (cards.placeOf). */
export function confirmMove(card, origin) {
  const id = card.dataset.dealId;
  const list = card.parentElement;
  const siblings = cardsIn(list);
  const at = siblings.indexOf(card);
  const fields = { stage_id: list.closest("[data-stage-id]").dataset.stageId, ...rowFields(list, origin.list) };
  if (siblings[at - 1]) fields.after_id = siblings[at - 1].dataset.dealId;
  if (siblings[at + 1]) fields.before_id = siblings[at + 1].dataset.dealId;
  card.classList.add("saving");
  announce(`${nameOf(card)} dropped in ${whereIs(card)}.`);
  return inTurn(id, async () => {
    const refused = await post(`/deals/${id}/position`, fields, { gone: GONE });
    const form = asksFor(refused);
    let reply = (form && (await fillIn(form))) || refused;
    // What was asked for let it into the stage; the row is still to come.
    if (form && reply.ok && fields.row) reply = await post(`/deals/${id}/position`, fields);
    card.classList.remove("saving");
    if (form && !reply.ok) return putBack(card, origin, `${nameOf(card)} was not moved.`, true);
    if (reply.ok) return void (applyReply(reply.html).heads || refresh());
    putBack(card, origin, `${nameOf(card)} was not moved. ${reply.message}`, reply.toasted);
    if (reply.status === 404 || reply.status === 409) refresh();
  });
}

function putBack(card, origin, message, toasted) {
  const focused = card.contains(document.activeElement);
  const now = cardById(card.dataset.dealId) ?? card;
  if (now === card) origin.restore();
  if (focused) now.focus({ preventScroll: true });
  if (!toasted) toast({ kind: "danger", text: message });
  announce(`${message} It is back in ${stageName(now.parentElement)}.`);
}

/** From the menu: to the top of a stage, where it is seen. */
export function moveToStage(card, stage) {
  const list = listOf(stage, card.dataset.lane);
  if (!list) return void sendAway(card, stage);
  if (list === card.parentElement) return;
  const origin = placeOf(card);
  list.insertBefore(card, cardsIn(list)[0] ?? list.querySelector(".cards-more"));
  list.scrollTop = 0;
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
  card.focus({ preventScroll: true });
  confirmMove(card, origin);
}

/** From the menu: to the same stage of another row. */
export function moveToRow(card, row) {
  const list = listOf(card.closest("[data-stage-id]").dataset.stageId, row);
  if (!list || list === card.parentElement) return;
  const origin = placeOf(card);
  list.insertBefore(card, cardsIn(list)[0] ?? list.querySelector(".cards-more"));
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
  card.focus({ preventScroll: true });
  confirmMove(card, origin);
}

/** To a stage that has no column here: the board shows it once something stands there. */
async function sendAway(card, stage) {
  card.classList.add("saving");
  const reply = await inTurn(card.dataset.dealId, () => post(`/deals/${card.dataset.dealId}/position`, { stage_id: stage }));
  card.classList.remove("saving");
  if (reply.ok) return refresh();
  if (!reply.toasted) toast({ kind: "danger", text: `${nameOf(card)} was not moved. ${reply.message}` });
  announce(reply.message);
}

export const win = (card) => leave(card, `/deals/${card.dataset.dealId}/closure`, { outcome: "won" }, "won");

/** Sends the card off the board. Returns the refusal's words, or "" when it went. */
async function leave(card, url, fields, verb) {
  const id = card.dataset.dealId;
  card.classList.add("saving");
  const refused = await inTurn(id, () => post(url, fields, { gone: GONE }));
  const form = asksFor(refused);
  const reply = (form && (await fillIn(form))) || refused;
  card.classList.remove("saving");
  if (form && !reply.ok) return `${nameOf(card)} is still here.`;
  if (!reply.ok) {
    announce(reply.message);
    const gone = reply.status === 404;
    if (!reply.toasted) toast({ kind: "danger", text: `${nameOf(card)}${gone ? ":" : " is still here."} ${reply.message}` });
    if (gone) refresh();
    return reply.message;
  }
  const text = `${nameOf(card)}: ${verb}`;
  focusNeighbour(card);
  cardById(id)?.remove();
  announce(text);
  if (!reply.toasted) toast({ kind: "success", text });
  if (!applyReply(reply.html).heads) refresh();
  if (verb === "won" && document.querySelector("[data-celebrates]")) import("./celebrate.js").then(({ celebrate }) => celebrate());
  return "";
}

function focusNeighbour(card) {
  if (!card.contains(document.activeElement) && document.activeElement !== document.body) return;
  const all = cardsIn(card.parentElement);
  const at = all.indexOf(card);
  (all[at + 1] ?? all[at - 1])?.focus({ preventScroll: true });
}

/* ── the two questions that come first ── */
let asked; // the card a dialog speaks about

export const lose = (card) => openDialog("lost-dialog", card);
export const repipe = (card) => openDialog("pipeline-dialog", card);

function openDialog(id, card) {
  const dialog = document.getElementById(id);
  asked = card;
  dialog.querySelector("form").reset();
  dialog.querySelector("[data-deal-title]").textContent = nameOf(card);
  showError(dialog, "");
  dialog.showModal();
  dialog.querySelector("select").focus();
}

function showError(dialog, message) {
  const line = dialog.querySelector(".invalid-feedback");
  line.textContent = message;
  line.hidden = !message;
}

export function startDialogs() {
  onSubmit("lost-dialog", (form) => [`/deals/${asked.dataset.dealId}/closure`, { outcome: "lost", lost_reason: form.get("lost_reason"), lost_note: form.get("lost_note"), lost_to: form.get("lost_to") ?? "" }, "lost"]);
  onSubmit("pipeline-dialog", (form, dialog) => [`/deals/${asked.dataset.dealId}/pipeline`, { stage_id: form.get("stage_id") }, `moved to ${chosenPipeline(dialog)}`]);
}

const chosenPipeline = (dialog) => dialog.querySelector("select").selectedOptions[0]?.parentElement.label ?? "another pipeline";

function onSubmit(id, describe) {
  const dialog = document.getElementById(id);
  let sending = false;
  dialog?.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    const card = cardById(asked.dataset.dealId) ?? asked;
    const [url, fields, verb] = describe(new FormData(event.target), dialog);
    const refusal = await leave(card, url, fields, verb);
    sending = false;
    if (refusal) showError(dialog, refusal); else dialog.close();
  });
  dialog?.addEventListener("close", () => asked && cardById(asked.dataset.dealId)?.focus({ preventScroll: true }));
}
