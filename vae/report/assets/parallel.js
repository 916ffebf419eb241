// Parallel coordinates in SVG. A brush on an axis is a test that a run has to pass.
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
  const draw = (tag, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };

  // place(value) is 0 at the lower end of the axis and 1 at the upper.
  function axisOf(column) {
    if (columnIsNumeric(column) && !column.categorical) {
      const numbers = column.values.filter(isNumber);
      const scale = column.log && Math.min(...numbers) > 0 ? Math.log10 : (x) => x;
      const [low, high] = [scale(Math.min(...numbers)), scale(Math.max(...numbers))];
      const place = (v) => (scale(v) - low) / (high - low);
      const distinct = [...new Set(numbers)];
      const ticks = distinct.length <= 5 ? distinct : ticksOf(low, high, scale === Math.log10);
      return { column, place, ticks: ticks.map((v) => [v, show(v)]) };
    }
    const kinds = [...new Set(column.values.filter((v) => v !== null))].sort((a, b) => String(a).localeCompare(String(b), "en", { numeric: true }));
    const place = (v) => kinds.indexOf(v) / (kinds.length - 1);
    return { column, place, ticks: kinds.map((v) => [v, String(v)]) };
  }

  function ticksOf(low, high, log) {
    if (log) {
      const powers = [];
      for (let power = Math.floor(low); power <= Math.ceil(high); power++) for (const m of [1, 2, 5]) powers.push(m * 10 ** power);
      const inside = powers.filter((v) => Math.log10(v) >= low - 1e-9 && Math.log10(v) <= high + 1e-9);
      return inside.length > 7 ? inside.filter((v) => Number.isInteger(Math.log10(v) + 1e-12) || Math.abs(Math.log10(v) % 1) < 1e-9) : inside;
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
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
    svg.style.setProperty("--opacity", Math.max(0.15, Math.min(0.8, 12 / Math.sqrt(count)))); // many lines stay apart
    svg.replaceChildren();
    lines.clear();
    for (const i of [...data.order].reverse()) {
      const points = axes.map((axis, a) => [axis, a]).filter(([axis]) => axis.column.values[i] !== null);
      const path = points.map(([axis, a], n) => `${n ? "L" : "M"}${x(a).toFixed(1)} ${y(axis, axis.column.values[i]).toFixed(1)}`).join("");
      const line = draw("path", { d: path });
      line.style.stroke = `color-mix(in oklab, var(--high) ${(goodness(i) * 100).toFixed(0)}%, var(--low))`;
      if (data.states[i] === "pruned") line.style.stroke = "";
      line.classList.add(data.states[i]);
      if (best.has(i)) {
        line.style.stroke = "";
        line.classList.add("best");
      }
      line.append(draw("title", {}, `run ${data.names[i]}: ${axes.map((axis) => `${axis.column.name} ${show(axis.column.values[i])}`).join(", ")}`));
      line.addEventListener("click", () => choose(i));
      lines.set(i, line);
      svg.append(line);
    }
    axes.forEach((axis, a) => buildAxis(axis, x(a), y));
    refresh();
  }

  function buildAxis(axis, x, y) {
    const name = axis.column.name;
    const title = draw("text", { x, y: 16, "text-anchor": "middle" }, name.length > 20 ? `…${name.slice(-19)}` : name);
    title.append(draw("title", {}, name));
    svg.append(draw("line", { x1: x, x2: x, y1: top, y2: top + span }), title);
    for (const [value, label] of axis.ticks) {
      svg.append(draw("text", { x: x + 5, y: y(axis, value) + 4, class: "tick" }, label.length > 14 ? `${label.slice(0, 13)}…` : label));
    }
    const brush = draw("rect", { x: x - 9, width: 18, y: top, height: 0, class: "brush" });
    const hit = draw("rect", { x: x - 14, width: 28, y: top - 8, height: span + 16, class: "hit", "data-axis": name });
    svg.append(brush, hit);
    axis.drawBrush = () => {
      const [from, to] = axis.range ?? [0, 0];
      brush.setAttribute("y", top + (1 - to) * span);
      brush.setAttribute("height", (to - from) * span);
    };
    drag(hit, axis);
    axis.drawBrush();
  }

  function drag(hit, axis) {
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      const place = 1 - ((event.clientY - box.top) * (height / box.height) - top) / span;
      return Math.min(1.01, Math.max(-0.01, place));
    };
    let begin = null;
    hit.addEventListener("pointerdown", (event) => {
      begin = at(event);
      hit.setPointerCapture(event.pointerId);
    });
    hit.addEventListener("pointermove", (event) => {
      if (begin === null) return;
      axis.range = [Math.min(begin, at(event)), Math.max(begin, at(event))];
      axis.drawBrush();
    });
    hit.addEventListener("pointerup", (event) => {
      const range = [Math.min(begin, at(event)), Math.max(begin, at(event))];
      begin = null;
      axis.range = range[1] - range[0] < 0.01 ? null : range;
      const name = axis.column.name;
      if (axis.range) state.brushes.set(name, (i) => inside(axis, i));
      else state.brushes.delete(name);
      update();
    });
  }

  function inside(axis, i) {
    const value = axis.column.values[i];
    if (value === null || !axis.range) return !axis.range;
    const place = axis.place(value);
    return place >= axis.range[0] && place <= axis.range[1];
  }

  function refresh() {
    for (const axis of axes) {
      if (!state.brushes.has(axis.column.name)) axis.range = null;
      axis.drawBrush();
    }
    for (const [i, line] of lines) {
      line.classList.toggle("out", !state.visible.has(i));
      line.classList.toggle("chosen", state.chosen.includes(i));
    }
  }

  build();
  onChange(refresh);
  let last = svg.parentElement.clientWidth;
  addEventListener("resize", () => {
    if (svg.parentElement.clientWidth !== last) {
      last = svg.parentElement.clientWidth;
      build();
    }
  });
}
