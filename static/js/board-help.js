// The keys of a board, on "?".
export function startHelp() {
  const dialog = document.getElementById("board-keys");
  if (!dialog) return;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable], trix-editor");
    if (event.key !== "?" || typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    dialog.showModal();
  });
}
