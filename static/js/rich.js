// Turns a plain text area for notes into a Trix editor; without a script the text area posts its text as it is.
import "./editor.js";

export function upgrade(root) {
  for (const area of root.querySelectorAll("textarea[data-rich]")) {
    const hidden = Object.assign(document.createElement("input"), { type: "hidden", name: area.name, value: area.value, id: `${area.id}-html` });
    const editor = document.createElement("trix-editor");
    editor.className = "trix-content";
    editor.id = area.id;
    editor.setAttribute("input", hidden.id);
    editor.setAttribute("dir", "auto");
    editor.setAttribute("aria-label", area.labels?.[0]?.textContent.trim() || "Note");
    for (const name of ["aria-invalid", "aria-describedby"]) if (area.hasAttribute(name)) editor.setAttribute(name, area.getAttribute(name));
    if (area.placeholder) editor.setAttribute("placeholder", area.placeholder);
    if (area.hasAttribute("data-mentions")) editor.setAttribute("data-mentions", "");
    area.replaceWith(hidden, editor);
    if (area.hasAttribute("data-mentions")) import("./mentions.js").then((module) => module.upgrade(editor.parentElement));
  }
}
