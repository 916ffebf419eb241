// The table of runs: sorts by its headings, filters by words, states and the brushes of the parallel coordinates.
function startTable() {
  const table = document.getElementById("table");
  const [head, body] = [table.tHead, table.tBodies[0]];
  const rows = new Map();

  function columns() {
    const everything = document.getElementById("all-columns").checked;
    return data.columns.filter((column) => everything || column.shown);
  }

  function heading(name, label, numeric) {
    const cell = element("th", { textContent: label, title: `sort by ${name}`, className: numeric ? "" : "text", tabIndex: 0 });
    cell.scope = "col";
    const sort = () => {
      const again = state.sort.column === name;
      const up = byName.get(name)?.kind === "objective" && byName.get(name).up;
      state.sort = { column: name, descending: again ? !state.sort.descending : Boolean(up) };
      update();
    };
    cell.addEventListener("click", sort);
    cell.addEventListener("keydown", (event) => event.key === "Enter" && sort());
    cell.dataset.column = name;
    return cell;
  }

  function build() {
    const shown = columns();
    const numeric = new Map(shown.map((column) => [column, columnIsNumeric(column)]));
    head.replaceChildren(
      element("tr", {}, heading("run", "run", true), heading("state", "state", false), ...shown.map((c) => heading(c.name, c.name, numeric.get(c))))
    );
    rows.clear();
    for (const i of all) {
      const name = data.links[i] ? element("a", { href: data.links[i], textContent: data.names[i] }) : data.names[i];
      if (data.links[i]) name.addEventListener("click", (event) => event.stopPropagation());
      const row = element("tr", {}, element("td", {}, name), element("td", { className: `text state-${data.states[i]}`, textContent: data.states[i] }));
      for (const column of shown) {
        const text = show(column.values[i]);
        const long = text.length > 40;
        row.append(element("td", { className: (numeric.get(column) ? "" : "text") + (long ? " long" : ""), textContent: text, title: long ? text : "" }));
      }
      row.classList.toggle("best", best.has(i));
      row.addEventListener("click", () => choose(i));
      row.dataset.run = i;
      rows.set(i, row);
    }
    refresh();
  }

  function refresh() {
    body.replaceChildren(...sorted().filter((i) => state.visible.has(i)).map((i) => rows.get(i)));
    for (const [i, row] of rows) row.classList.toggle("chosen", state.chosen.includes(i));
    for (const cell of head.rows[0].cells) {
      if (cell.dataset.column === state.sort.column) cell.setAttribute("aria-sort", state.sort.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    const filtered = state.visible.size < count;
    document.getElementById("count").textContent = filtered ? `${state.visible.size} of ${count} runs` : `${count} runs`;
    document.getElementById("clear").hidden = !filtered;
  }

  function chips() {
    const holder = document.getElementById("chips");
    for (const name of new Set(data.states)) {
      const number = data.states.filter((s) => s === name).length;
      const chip = element("button", { type: "button", className: `chip state-${name}`, textContent: `${number} ${name}` });
      const press = () => chip.setAttribute("aria-pressed", String(!state.hidden.has(name)));
      chip.addEventListener("click", () => {
        if (!state.hidden.delete(name)) state.hidden.add(name);
        update();
      });
      onChange(press);
      press();
      holder.append(chip);
    }
  }

  document.getElementById("all-columns").addEventListener("change", build);
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => {
    state.text = filter.value;
    update();
  });
  document.getElementById("clear").addEventListener("click", () => {
    state.text = filter.value = "";
    state.hidden.clear();
    state.brushes.clear();
    update();
  });
  chips();
  build();
  onChange(refresh);
}
