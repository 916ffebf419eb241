// Parallel coordinates in SVG. A brush on an axis is a test that a run must pass.
function startParallel() {
  const svg = document.getElementById("parallel");
  const axes = [...data.columns.filter((c) => c.kind === "key"), ...data.columns.filter((c) => c.kind === "objective")]
    .filter((column) => new Set(column.values.filter((v) => v !== null)).size > 1)
    .map(axisOf);
  if (axes.length < 2) {
    document.getElementById("parallel-section").hidden = true;
    return;
  }
  const [top, bottom, height] = [34, 16, 360];
  const span = height - top - bottom;
  const lines = new Map();
  const svgElement = (tag, attributes, text = "") => {
    const created = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
    created.textContent = text;
    return created;
  };

  // An axis's place(value) is 0 at its lower end and 1 at its upper end.
  function axisOf(column) {
    if (isNumericColumn(column) && !column.categorical) {
      const numbers = column.values.filter(isNumber);
      const scale = column.log && Math.min(...numbers) > 0 ? Math.log10 : (x) => x;
      const [low, high] = [scale(Math.min(...numbers)), scale(Math.max(...numbers))];
      const place = (v) => (scale(v) - low) / (high - low);
      const distinct = [...new Set(numbers)];
      const few = distinct.length <= 5;
      const ticks = few ? distinct.map((v) => [v, textOf(column, column.values.indexOf(v))]) : ticksOf(low, high, scale === Math.log10).map((v) => [v, valueText(v)]);
      return { column, place, ticks };
    }
    const choices = [...new Set(column.values.filter((v) => v !== null))].sort((a, b) => String(a).localeCompare(String(b), "en", { numeric: true }));
    const place = (v) => choices.indexOf(v) / (choices.length - 1);
    return { column, place, ticks: choices.map((v) => [v, String(v)]) };
  }

  function ticksOf(low, high, log) {
    if (log) {
      const powers = [];
      for (let power = Math.floor(low); power <= Math.ceil(high); power++) for (const m of [1, 2, 5]) powers.push(m * 10 ** power);
      const inside = powers.filter((v) => Math.log10(v) >= low - 1e-9 && Math.log10(v) <= high + 1e-9);
      return inside.length > 7 ? inside.filter((v) => Number.isInteger(Math.log10(v) + 1e-12) || Math.abs(Math.log10(v) % 1) < 1e-9) : inside;
    }
    const smallestStep = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(smallestStep));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= smallestStep);
    const ticks = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) ticks.push(Number(v.toPrecision(12)));
    return ticks;
  }

  function build() {
    const width = Math.max(svg.parentElement.clientWidth, axes.length * 110);
    const x = (index) => 55 + (index * (width - 110)) / (axes.length - 1);
    const y = (axis, value) => top + (1 - axis.place(value)) * span;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.width = `${width}px`;
    svg.style.setProperty("--opacity", Math.max(0.3, Math.min(1, 12 / Math.sqrt(runCount)))); // many lines can still be told apart
    svg.replaceChildren();
    lines.clear();
    for (const i of [...data.order].reverse()) {
      const points = axes.map((axis, a) => [axis, a]).filter(([axis]) => axis.column.values[i] !== null);
      const path = points.map(([axis, a], n) => `${n ? "L" : "M"}${x(a).toFixed(1)} ${y(axis, axis.column.values[i]).toFixed(1)}`).join("");
      const line = svgElement("path", { d: path });
      line.style.stroke = `color-mix(in oklab, var(--high) ${(goodness(i) * 100).toFixed(0)}%, var(--low))`;
      if (data.states[i] === "pruned") line.style.stroke = "";
      line.classList.add(data.states[i]);
      if (bestRuns.has(i)) {
        line.style.stroke = "";
        line.classList.add("best");
      }
      line.append(svgElement("title", {}, `run ${data.names[i]}: ${axes.map((axis) => `${axis.column.name} ${textOf(axis.column, i)}`).join(", ")}`));
      line.addEventListener("click", () => toggleChosen(i));
      lines.set(i, line);
      svg.append(line);
    }
    axes.forEach((axis, a) => buildAxis(axis, x(a), y));
    refresh();
  }

  function buildAxis(axis, x, y) {
    const name = axis.column.name;
    const words = axis.column.label ?? name;
    const title = svgElement("text", { x, y: 16, "text-anchor": "middle" }, words.length > 20 ? `…${words.slice(-19)}` : words);
    title.append(svgElement("title", {}, words));
    svg.append(svgElement("line", { x1: x, x2: x, y1: top, y2: top + span }), title);
    for (const [value, label] of axis.ticks) {
      svg.append(svgElement("text", { x: x + 5, y: y(axis, value) + 4, class: "tick" }, label.length > 14 ? `${label.slice(0, 13)}…` : label));
    }
    const brush = svgElement("rect", { x: x - 9, width: 18, y: top, height: 0, class: "brush" });
    const hit = svgElement("rect", { x: x - 14, width: 28, y: top - 8, height: span + 16, class: "hit", "data-axis": name });
    svg.append(brush, hit);
    axis.drawBrush = () => {
      const [from, to] = axis.range ?? [0, 0];
      brush.setAttribute("y", top + (1 - to) * span);
      brush.setAttribute("height", (to - from) * span);
    };
    listenToDrags(hit, axis);
    axis.drawBrush();
  }

  // A drag filters by a range of the axis; a click removes the filter.
  function listenToDrags(hit, axis) {
    const placeOf = (event) => {
      const box = svg.getBoundingClientRect();
      const place = 1 - ((event.clientY - box.top) * (height / box.height) - top) / span;
      return Math.min(1.01, Math.max(-0.01, place));
    };
    let begin = null;
    hit.addEventListener("pointerdown", (event) => {
      begin = placeOf(event);
      hit.setPointerCapture(event.pointerId);
    });
    hit.addEventListener("pointermove", (event) => {
      if (begin === null) return;
      axis.range = [Math.min(begin, placeOf(event)), Math.max(begin, placeOf(event))];
      axis.drawBrush();
    });
    hit.addEventListener("pointerup", (event) => {
      const range = [Math.min(begin, placeOf(event)), Math.max(begin, placeOf(event))];
      begin = null;
      axis.range = range[1] - range[0] < 0.01 ? null : range;
      const name = axis.column.name;
      if (axis.range) view.brushes.set(name, (i) => isInRange(axis, i));
      else view.brushes.delete(name);
      updateView();
    });
  }

  function isInRange(axis, i) {
    const value = axis.column.values[i];
    if (value === null || !axis.range) return !axis.range;
    const place = axis.place(value);
    return place >= axis.range[0] && place <= axis.range[1];
  }

  function refresh() {
    for (const axis of axes) {
      if (!view.brushes.has(axis.column.name)) axis.range = null;
      axis.drawBrush();
    }
    for (const [i, line] of lines) {
      line.classList.toggle("out", !view.visible.has(i));
      line.classList.toggle("chosen", view.chosen.includes(i));
    }
  }

  build();
  onViewChange(refresh);
  let drawnWidth = svg.parentElement.clientWidth;
  addEventListener("resize", () => {
    if (svg.parentElement.clientWidth !== drawnWidth) {
      drawnWidth = svg.parentElement.clientWidth;
      build();
    }
  });
}
