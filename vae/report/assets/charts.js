// Learning curves, drawn here from the runs, and Optuna's figures, drawn when they come into view, in the page's colours.
// plotly is most of this page: it is run when the first figure comes into view, so that the table is there at once.
function plot(holder, traces, layout) {
  if (!window.Plotly) document.body.append(element("script", { textContent: document.getElementById("plotly").textContent }));
  Plotly.react(holder, traces, themed(layout), CONFIG);
}

function whenSeen(holders, draw) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((e) => e.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "200px" });
  holders.forEach((holder) => seen.observe(holder));
}

const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

function themed(layout) {
  const grid = { gridcolor: css("--line"), linecolor: css("--muted"), zerolinecolor: css("--line"), automargin: true, exponentformat: "power" };
  const logarithmic = (axis) => (axis.type === "log" ? { dtick: "D2" } : {});
  const axes = { xaxis: {}, yaxis: {} };
  for (const name of Object.keys(layout)) if (/^[xy]axis\d*$/.test(name)) axes[name] = layout[name];
  const dressed = Object.fromEntries(Object.entries(axes).map(([name, axis]) => [name, { ...axis, ...grid, ...logarithmic(axis) }]));
  return {
    ...layout,
    ...dressed,
    template: null,
    title: null,
    width: null,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, 'DejaVu Sans', sans-serif", size: 12, color: css("--fg") },
    margin: { l: 60, r: 24, t: 24, b: 50, ...(layout.margin ?? {}) },
    height: layout.height ?? 380,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--muted"), activecolor: css("--accent") },
    hoverlabel: { bgcolor: css("--panel"), font: { color: css("--fg") } },
  };
}

const STATE_COLOURS = { complete: "--accent", pruned: "--pruned", failed: "--failed", running: "--high" };

function colouredTrace(trace) {
  const scale = [[0, css("--low")], [1, css("--high")]];
  const painted = { ...trace };
  if (trace.type === "contour") return { ...painted, colorscale: scale, reversescale: false, line: { ...trace.line, color: css("--line") } };
  if (trace.meta in STATE_COLOURS) return { ...painted, marker: { ...trace.marker, color: css(STATE_COLOURS[trace.meta]), line: { width: 1, color: css("--bg") } } };
  if (trace.marker?.colorscale || Array.isArray(trace.marker?.color) || trace.marker?.color?.bdata) {
    return { ...painted, marker: { ...trace.marker, colorscale: scale, reversescale: false, line: { width: 0.5, color: css("--muted") } } };
  }
  if (trace.mode?.includes("lines")) return { ...painted, line: { ...trace.line, color: css("--best"), shape: "hv" } };
  return { ...painted, marker: { ...trace.marker, color: trace.marker?.symbol === "diamond" ? css("--best") : css("--accent") } };
}

function startFigures() {
  const figures = read("figures");
  const draw = (holder) => {
    const figure = figures[holder.dataset.figure];
    plot(holder, figure.data.map(colouredTrace), figure.layout);
    holder.dataset.drawn = "true";
  };
  const holders = [...document.querySelectorAll("[data-figure]")];
  whenSeen(holders, draw);
  addEventListener("beforeprint", () => holders.forEach(draw));
  return () => holders.filter((holder) => holder.dataset.drawn).forEach(draw);
}

function startCurves() {
  const holder = document.getElementById("curves");
  if (!holder) return () => {};
  const select = document.getElementById("metric");
  const metrics = [...new Set(data.curves.flatMap(Object.keys))].filter((name) => name !== "epoch");
  select.append(...metrics.map((name) => element("option", { value: name, textContent: name, selected: name === data.curve })));

  // Many runs are one trace with gaps: a trace each would take seconds to draw.
  function trace(runs, name, look) {
    const [x, y, text] = [[], [], []];
    for (const i of runs) {
      const [epochs, values] = [data.curves[i].epoch, data.curves[i][select.value]];
      if (!epochs || !values) continue;
      x.push(...epochs, null);
      y.push(...values, null);
      text.push(...epochs.map(() => data.names[i]), "");
    }
    const single = runs.some((i) => data.curves[i].epoch?.length === 1);
    return { x, y, text, name, mode: single ? "lines+markers" : "lines", hovertemplate: "run %{text}, epoch %{x}: %{y:.5g}<extra></extra>", ...look };
  }

  function range() {
    if (select.value !== data.curve) return {};
    const values = data.curves.flatMap((curve) => curve[select.value] ?? []).filter(isNumber).sort((a, b) => a - b);
    if (values.length < 20) return {};
    const worst = Math.floor(values.length * 0.2); // the first epochs of bad runs would press the rest flat
    const [low, high] = objective?.up ? [values[worst], values.at(-1)] : [values[0], values[values.length - 1 - worst]];
    const margin = (high - low) * 0.05;
    return { range: [low - margin, high + margin] };
  }

  function draw() {
    const visible = all.filter((i) => state.visible.has(i));
    const of = (test) => visible.filter((i) => test(i) && !best.has(i) && !state.chosen.includes(i));
    const stopped = (i) => data.states[i] === "pruned";
    const letters = ["A", "B"];
    const traces = [
      trace(of(stopped), "pruned", { line: { color: css("--pruned"), width: 1 }, opacity: 0.6 }),
      trace(of((i) => !stopped(i)), "other runs", { line: { color: css("--accent"), width: 1 }, opacity: visible.length > 200 ? 0.2 : 0.55 }),
      ...state.chosen.filter((i) => state.visible.has(i) && !best.has(i)).map((i) => trace([i], `${letters[state.chosen.indexOf(i)]}: run ${data.names[i]}`, { line: { color: css("--high"), width: 3 } })),
      trace(visible.filter((i) => best.has(i)), "best", { line: { color: css("--best"), width: 3 } }),
    ].filter((made) => made.x.length);
    const layout = { xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: select.value }, ...range() }, legend: { orientation: "h", y: 1.12 }, hovermode: "closest", height: 420 };
    plot(holder, traces, layout);
    holder.dataset.drawn = "true";
  }

  const again = () => holder.dataset.drawn && draw();
  select.addEventListener("change", again);
  onChange(again);
  whenSeen([holder], draw);
  return again;
}
