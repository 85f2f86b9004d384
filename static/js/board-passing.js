// A stage may ask for something before a deal enters it: the server refuses with a form, which is filled in here and completes the move.
import { parse, post } from "./http.js";

/** The form of a refusal that asks for something; null for any other reply. */
export const asksFor = (reply) => (reply.status === 422 && reply.html.includes("data-passing") ? parse(reply.html) : null);

/** Shows the form; resolves to the reply that did it, or to null when the person let it be. */
export function fillIn(form) {
  const dialog = document.getElementById("passing-dialog");
  const box = dialog.querySelector("[data-passing-box]");
  let done = null;
  const show = (content) => {
    box.replaceChildren(content);
    if (box.querySelector("[data-combobox]")) import("./combobox.js").then((module) => module.upgrade?.(box));
    box.querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); send(event.target); });
    (box.querySelector('[aria-invalid="true"]') ?? box.querySelector('input:not([type="hidden"]), select, textarea, button'))?.focus();
  };
  const send = async (sent) => {
    const button = sent.querySelector(".btn-primary");
    button.disabled = true;
    const reply = await post(sent.getAttribute("action"), new FormData(sent));
    button.disabled = false;
    if (reply.ok) { done = reply; dialog.close(); return; }
    const again = asksFor(reply);
    if (again) show(again); else complain(sent, reply.message);
  };
  const complain = (sent, message) => {
    const line = sent.querySelector("[data-problem]") ?? document.createElement("p");
    line.dataset.problem = "";
    line.className = "invalid-feedback m-0";
    line.setAttribute("role", "alert");
    line.textContent = message;
    sent.querySelector(".sheet-body").prepend(line);
  };
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => { box.replaceChildren(); resolve(done); }, { once: true });
    dialog.showModal();
    show(form);
  });
}
