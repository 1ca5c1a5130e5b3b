// A row of the forest plot shows its subjects beside it.
(() => {
  const chosen = document.querySelector(".chosen");
  const rows = [...document.querySelectorAll("tr[data-strip]")];
  if (!chosen || rows.length === 0) return;

  const pick = (row) => {
    const card = document.getElementById(row.dataset.strip);
    if (!card) return;
    for (const other of rows) other.classList.toggle("picked", other === row);
    const copy = card.cloneNode(true);
    copy.removeAttribute("id");
    chosen.replaceChildren(copy);
  };
  for (const row of rows) {
    row.addEventListener("click", (event) => {
      event.preventDefault();
      pick(row);
    });
  }
  pick(rows[0]);
})();
