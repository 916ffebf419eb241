// Pictures of the visible runs, and two runs side by side.
function startGallery() {
  const pictures = readJson("pictures");
  const kinds = [...new Set(Object.values(pictures).flatMap(Object.keys))];
  const holder = document.getElementById("gallery");
  const select = document.getElementById("kind");
  const more = document.getElementById("more");
  let limit = 24;

  function caption(i) {
    const value = objective ? ` · ${textOf(objective, i)}` : "";
    return `run ${data.names[i]}${value}${bestRuns.has(i) ? " · best" : ""}`;
  }

  function fill() {
    const pictured = sortedRuns().filter((i) => view.visible.has(i) && pictures[i]?.[select.value]);
    holder.replaceChildren(...pictured.slice(0, limit).map((i) => {
      const image = element("img", { src: pictures[i][select.value], alt: `${select.value} of run ${data.names[i]}` });
      const figure = element("figure", { title: "select for comparison" }, image, element("figcaption", { textContent: caption(i) }));
      figure.classList.toggle("chosen", view.chosen.includes(i));
      figure.addEventListener("click", () => toggleChosen(i));
      return figure;
    }));
    more.hidden = pictured.length <= limit;
    more.textContent = `${pictured.length - limit} more`;
  }

  if (holder) {
    select.append(...kinds.map((kind) => element("option", { value: kind, textContent: kind })));
    select.addEventListener("change", fill);
    more.addEventListener("click", () => {
      limit += 48;
      fill();
    });
    onViewChange(fill);
    fill();
  }
  startPair(pictures, kinds);
}

function startPair(pictures, kinds) {
  const holder = document.getElementById("pair");
  if (!holder) return;
  const selectors = ["pick-a", "pick-b"].map((id) => document.getElementById(id));
  for (const [place, selector] of selectors.entries()) {
    selector.append(element("option", { value: "", textContent: "none" }));
    selector.append(...data.order.map((i) => element("option", { value: i, textContent: `run ${data.names[i]} · ${data.states[i]}` })));
    selector.addEventListener("change", () => {
      const pair = [...view.chosen];
      if (selector.value === "") pair.splice(place, 1);
      else pair[place] = Number(selector.value);
      view.chosen = pair.filter((i) => i !== undefined);
      updateView();
    });
  }

  function rows(columns, pair) {
    return columns.filter((c) => pair.some((i) => c.values[i] !== null)).map((column) => {
      const values = pair.map((i) => column.values[i]);
      const row = element("tr", {}, element("td", { className: "text", textContent: column.name }), ...pair.map((i) => element("td", { textContent: textOf(column, i) })));
      row.classList.toggle("differs", column.kind === "key" && new Set(values).size > 1);
      return row;
    });
  }

  function fill() {
    const pair = view.chosen;
    selectors.forEach((selector, place) => (selector.value = pair[place] ?? ""));
    if (!pair.length) {
      holder.replaceChildren(element("p", { className: "muted", textContent: "Click two runs in the table, or two pictures, to compare them." }));
      return;
    }
    const columns = data.columns.filter((c) => c.shown);
    const head = element("tr", {}, element("th", { className: "text" }), ...pair.map((i, n) => element("th", { textContent: `${"AB"[n]}: run ${data.names[i]} (${data.states[i]})` })));
    const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows(columns, pair)));
    const images = element("div", { className: "pictures" });
    for (const kind of kinds) {
      if (!pair.some((i) => pictures[i]?.[kind])) continue;
      for (const i of pair) {
        const url = pictures[i]?.[kind];
        const caption = element("figcaption", { textContent: `${kind}, run ${data.names[i]}${url ? "" : ": none"}` });
        images.append(element("figure", {}, ...(url ? [element("img", { src: url, alt: `${kind} of run ${data.names[i]}` })] : []), caption));
      }
    }
    holder.replaceChildren(element("div", { className: "scroll" }, table), images);
  }
  onViewChange(fill);
  fill();
}
