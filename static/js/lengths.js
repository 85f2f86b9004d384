// The length of something planned follows its type, until somebody says another.
const ready = new WeakSet();

export function upgrade(root = document) {
  for (const kind of root.querySelectorAll("select[data-lengths]")) {
    if (ready.has(kind)) continue;
    ready.add(kind);
    follow(kind, kind.form.elements.minutes);
  }
}

function follow(kind, length) {
  const usual = () => kind.selectedOptions[0]?.dataset.minutes ?? "";
  let before = usual();
  kind.addEventListener("change", () => {
    if (length.value === before) length.value = usual();
    before = usual();
  });
}
