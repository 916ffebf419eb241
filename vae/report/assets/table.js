// The table of runs: sorted by its headings, filtered by words, states and the brushes of the parallel coordinates.
function startTable() {
  const table = document.getElementById("table");
  const [head, body] = [table.tHead, table.tBodies[0]];
  const rows = new Map();

  function tableColumns() {
    const showAll = document.getElementById("all-columns").checked;
    return data.columns.filter((column) => showAll || column.shown);
  }

  function heading(name, numeric, label = name) {
    const cell = element("th", { textContent: label, title: `sort by ${name}`, className: numeric ? "" : "text", tabIndex: 0 });
    cell.scope = "col";
    const sort = () => {
      const descending = view.sort.column === name ? !view.sort.descending : Boolean(columnByName.get(name)?.up);
      view.sort = { column: name, descending };
      updateView();
    };
    cell.addEventListener("click", sort);
    cell.addEventListener("keydown", (event) => event.key === "Enter" && sort());
    cell.dataset.column = name;
    return cell;
  }

  function build() {
    const columns = tableColumns();
    const numeric = new Map(columns.map((column) => [column, isNumericColumn(column)]));
    head.replaceChildren(
      element("tr", {}, heading("run", true), heading("state", false), ...columns.map((c) => heading(c.name, numeric.get(c), c.label)))
    );
    rows.clear();
    for (const i of allRuns) {
      const label = data.links[i] ? element("a", { href: data.links[i], textContent: data.names[i] }) : data.names[i];
      if (data.links[i]) label.addEventListener("click", (event) => event.stopPropagation());
      const row = element("tr", {}, element("td", {}, label), element("td", { className: `text state-${data.states[i]}`, textContent: data.states[i] }));
      for (const column of columns) {
        const text = textOf(column, i);
        const isLong = text.length > 40;
        row.append(element("td", { className: (numeric.get(column) ? "" : "text") + (isLong ? " long" : ""), textContent: text, title: isLong ? text : "" }));
      }
      row.classList.toggle("best", bestRuns.has(i));
      row.addEventListener("click", () => toggleChosen(i));
      row.dataset.run = i;
      rows.set(i, row);
    }
    refresh();
    showHidden();
  }

  function refresh() {
    body.replaceChildren(...sortedRuns().filter((i) => view.visible.has(i)).map((i) => rows.get(i)));
    for (const [i, row] of rows) row.classList.toggle("chosen", view.chosen.includes(i));
    for (const cell of head.rows[0].cells) {
      if (cell.dataset.column === view.sort.column) cell.setAttribute("aria-sort", view.sort.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    const isFiltered = view.visible.size < runCount;
    document.getElementById("count").textContent = isFiltered ? `${view.visible.size} of ${runCount} runs` : `${runCount} runs`;
    document.getElementById("clear").hidden = !isFiltered;
  }

  // Says how many columns are out of sight, which a table that ends at a column's edge does not show.
  function showHidden() {
    const holder = table.parentElement;
    const edge = holder.getBoundingClientRect().right;
    const hidden = [...head.rows[0].cells].filter((cell) => cell.getBoundingClientRect().right > edge + 1).length;
    const note = document.getElementById("more-columns");
    note.hidden = hidden === 0;
    note.textContent = `${hidden} more ${hidden === 1 ? "column" : "columns"} to the right: scroll the table sideways.`;
  }

  function buildStateChips() {
    const holder = document.getElementById("chips");
    for (const state of new Set(data.states)) {
      const number = data.states.filter((other) => other === state).length;
      const chip = element("button", { type: "button", className: `chip state-${state}`, textContent: `${number} ${state}` });
      const showPressed = () => chip.setAttribute("aria-pressed", String(!view.hiddenStates.has(state)));
      chip.addEventListener("click", () => {
        if (!view.hiddenStates.delete(state)) view.hiddenStates.add(state);
        updateView();
      });
      onViewChange(showPressed);
      showPressed();
      holder.append(chip);
    }
  }

  document.getElementById("all-columns").addEventListener("change", build);
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => {
    view.filterText = filter.value;
    updateView();
  });
  document.getElementById("clear").addEventListener("click", () => {
    view.filterText = filter.value = "";
    view.hiddenStates.clear();
    view.brushes.clear();
    updateView();
  });
  table.parentElement.addEventListener("scroll", showHidden);
  addEventListener("resize", showHidden);
  buildStateChips();
  build();
  onViewChange(refresh);
}
