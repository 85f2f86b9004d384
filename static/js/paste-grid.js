// A block of cells copied from a spreadsheet fills the fields from the one it is pasted into, to the right and down.
for (const table of document.querySelectorAll("[data-paste-grid]")) {
  table.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const from = event.target.closest("input");
    if (!from || !/[\t\n]/.test(text.trim())) return;
    event.preventDefault();
    const rows = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("input")]);
    const top = rows.findIndex((row) => row.includes(from));
    const left = rows[top].indexOf(from);
    text.replace(/\r?\n$/, "").split(/\r?\n/).forEach((line, y) => line.split("\t").forEach((value, x) => {
      const field = rows[top + y]?.[left + x];
      if (field) { field.value = value.trim(); field.dispatchEvent(new Event("input", { bubbles: true })); }
    }));
  });
}
