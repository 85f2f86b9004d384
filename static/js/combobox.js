// A text field that offers records as one types (ARIA combobox with a list popup). The server finds and words the choices.
import { get } from "./http.js";

let count = 0;

export function upgrade(root) {
  const boxes = [...root.querySelectorAll("[data-combobox]")];
  if (root.matches?.("[data-combobox]")) boxes.push(root);
  for (const box of boxes) if (!box.dataset.ready) start(box);
}

function start(box) {
  box.dataset.ready = "true";
  const input = box.querySelector("input:not([type=hidden])");
  const id = box.querySelector("input[type=hidden]");
  const list = Object.assign(document.createElement("ul"), { className: "combo-list", id: `combo-${++count}`, hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.getAttribute("aria-label") ?? "Choices");
  box.append(list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", list.id], ["aria-expanded", "false"]]) input.setAttribute(name, value);

  let active = -1;
  let timer;
  let asked;
  const options = () => [...list.children];
  const close = () => { list.hidden = true; active = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const mark = (i) => {
    active = i;
    options().forEach((option, n) => {
      option.id = `${list.id}-${n}`;
      option.setAttribute("aria-selected", String(n === i));
    });
    if (i < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `${list.id}-${i}`);
    options()[i].scrollIntoView({ block: "nearest" });
  };
  const choose = (option) => {
    input.value = option.dataset.text;
    id.value = option.dataset.value;
    close();
  };
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const reply = await get(`${box.dataset.options}${box.dataset.options.includes("?") ? "&" : "?"}q=${encodeURIComponent(input.value.trim())}`, { signal: asked.signal });
      if (!reply.ok || document.activeElement !== input) return;
      list.innerHTML = reply.html;
      list.hidden = !list.children.length;
      input.setAttribute("aria-expanded", String(!list.hidden));
      mark(-1);
    } catch { /* a later letter asked again */ }
  };

  input.addEventListener("input", () => { id.value = ""; clearTimeout(timer); timer = setTimeout(ask, 120); });
  input.addEventListener("keydown", (event) => {
    const last = options().length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return ask();
      mark(event.key === "ArrowDown" ? (active >= last ? 0 : active + 1) : (active <= 0 ? last : active - 1));
    } else if (event.key === "Enter" && !list.hidden && active >= 0) {
      event.preventDefault();
      choose(options()[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  input.addEventListener("blur", close);
  // Before the blur that a click would cause.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) choose(option);
  });
}
