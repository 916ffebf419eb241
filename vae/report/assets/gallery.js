// Pictures of the runs that are shown, and two runs side by side.
function startGallery() {
  const pictures = read("pictures");
  const kinds = [...new Set(Object.values(pictures).flatMap(Object.keys))];
  const holder = document.getElementById("gallery");
  const select = document.getElementById("kind");
  const more = document.getElementById("more");
  let shown = 24;

  function caption(i) {
    const value = objective ? ` · ${show(objective.values[i])}` : "";
    return `run ${data.names[i]}${value}${best.has(i) ? " · best" : ""}`;
  }

  function fill() {
    const having = sorted().filter((i) => state.visible.has(i) && pictures[i]?.[select.value]);
    holder.replaceChildren(...having.slice(0, shown).map((i) => {
      const image = element("img", { src: pictures[i][select.value], alt: `${select.value} of run ${data.names[i]}` });
      const figure = element("figure", { title: "choose to compare" }, image, element("figcaption", { textContent: caption(i) }));
      figure.classList.toggle("chosen", state.chosen.includes(i));
      figure.addEventListener("click", () => choose(i));
      return figure;
    }));
    more.hidden = having.length <= shown;
    more.textContent = `${having.length - shown} more`;
  }

  if (holder) {
    select.append(...kinds.map((kind) => element("option", { value: kind, textContent: kind })));
    select.addEventListener("change", fill);
    more.addEventListener("click", () => {
      shown += 48;
      fill();
    });
    onChange(fill);
    fill();
  }
  startPair(pictures, kinds);
}

function startPair(pictures, kinds) {
  const holder = document.getElementById("pair");
  if (!holder) return;
  const picks = ["pick-a", "pick-b"].map((id) => document.getElementById(id));
  for (const [place, pick] of picks.entries()) {
    pick.append(element("option", { value: "", textContent: "none" }));
    pick.append(...data.order.map((i) => element("option", { value: i, textContent: `run ${data.names[i]} · ${data.states[i]}` })));
    pick.addEventListener("change", () => {
      const pair = [...state.chosen];
      if (pick.value === "") pair.splice(place, 1);
      else pair[place] = Number(pick.value);
      state.chosen = pair.filter((i) => i !== undefined);
      update();
    });
  }

  function rows(columns, pair) {
    return columns.filter((c) => pair.some((i) => c.values[i] !== null)).map((column) => {
      const values = pair.map((i) => column.values[i]);
      const row = element("tr", {}, element("td", { className: "text", textContent: column.name }), ...values.map((v) => element("td", { textContent: show(v) })));
      row.classList.toggle("differs", column.kind === "key" && new Set(values).size > 1);
      return row;
    });
  }

  function fill() {
    const pair = state.chosen;
    picks.forEach((pick, place) => (pick.value = pair[place] ?? ""));
    if (!pair.length) {
      holder.replaceChildren(element("p", { className: "muted", textContent: "Click two runs in the table, or two pictures." }));
      return;
    }
    const columns = data.columns.filter((c) => c.shown);
    const head = element("tr", {}, element("th", { className: "text" }), ...pair.map((i, n) => element("th", { textContent: `${"AB"[n]}: run ${data.names[i]} (${data.states[i]})` })));
    const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows(columns, pair)));
    const sheet = element("div", { className: "pictures" });
    for (const kind of kinds) {
      if (!pair.some((i) => pictures[i]?.[kind])) continue;
      for (const i of pair) {
        const url = pictures[i]?.[kind];
        const caption = element("figcaption", { textContent: `${kind}, run ${data.names[i]}${url ? "" : ": none"}` });
        sheet.append(element("figure", {}, ...(url ? [element("img", { src: url, alt: `${kind} of run ${data.names[i]}` })] : []), caption));
      }
    }
    holder.replaceChildren(element("div", { className: "scroll" }, table), sheet);
  }
  onChange(fill);
  fill();
}
