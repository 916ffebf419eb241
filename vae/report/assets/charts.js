// Learning curves, made here from the runs, and the figures of the study. Each is drawn in the page's colours when it
// comes into view; plotly, most of this page, runs when the first of them does, so that the table is there at once.
function drawPlot(holder, traces, layout) {
  if (!window.Plotly) document.body.append(element("script", { textContent: document.getElementById("plotly").textContent }));
  Plotly.react(holder, traces, themedLayout(layout), PLOTLY_CONFIG);
}

function whenVisible(holders, draw) {
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((candidate) => candidate.isIntersecting)) {
      observer.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "200px" });
  holders.forEach((holder) => observer.observe(holder));
}

const PLOTLY_CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

function themedLayout(layout) {
  const grid = { gridcolor: cssValue("--line"), linecolor: cssValue("--muted"), zerolinecolor: cssValue("--line"), automargin: true, exponentformat: "power" };
  const logarithmic = (axis) => (axis.type === "log" ? { dtick: "D2" } : {});
  const axes = { xaxis: {}, yaxis: {} };
  for (const name of Object.keys(layout)) if (/^[xy]axis\d*$/.test(name)) axes[name] = layout[name];
  const themedAxes = Object.fromEntries(Object.entries(axes).map(([name, axis]) => [name, { ...axis, ...grid, ...logarithmic(axis) }]));
  return {
    ...layout,
    ...themedAxes,
    template: null,
    title: null,
    width: null,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, 'DejaVu Sans', sans-serif", size: 12, color: cssValue("--fg") },
    margin: { l: 60, r: 24, t: 24, b: 50, ...(layout.margin ?? {}) },
    height: layout.height ?? 380,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: cssValue("--muted"), activecolor: cssValue("--accent") },
    hoverlabel: { bgcolor: cssValue("--panel"), font: { color: cssValue("--fg") } },
  };
}

const STATE_COLOURS = { complete: "--accent", pruned: "--pruned", failed: "--failed", running: "--high" };

function colouredTrace(trace) {
  const scale = [[0, cssValue("--low")], [1, cssValue("--high")]];
  if (trace.type === "contour") return { ...trace, colorscale: scale, reversescale: false, line: { ...trace.line, color: cssValue("--line") } };
  if (trace.meta in STATE_COLOURS) return { ...trace, marker: { ...trace.marker, color: cssValue(STATE_COLOURS[trace.meta]), line: { width: 1, color: cssValue("--bg") } } };
  if (trace.marker?.colorscale || Array.isArray(trace.marker?.color) || trace.marker?.color?.bdata) {
    return { ...trace, marker: { ...trace.marker, colorscale: scale, reversescale: false, line: { width: 0.5, color: cssValue("--muted") } } };
  }
  if (trace.mode?.includes("lines")) return { ...trace, line: { ...trace.line, color: cssValue("--best"), shape: "hv" } };
  return { ...trace, marker: { ...trace.marker, color: trace.marker?.symbol === "diamond" ? cssValue("--best") : cssValue("--accent") } };
}

function startFigures() {
  const figures = readJson("figures");
  const draw = (holder) => {
    const figure = figures[holder.dataset.figure];
    drawPlot(holder, figure.data.map(colouredTrace), figure.layout);
    holder.dataset.drawn = "true";
  };
  const holders = [...document.querySelectorAll("[data-figure]")];
  whenVisible(holders, draw);
  addEventListener("beforeprint", () => holders.forEach(draw));
  return () => holders.filter((holder) => holder.dataset.drawn).forEach(draw);
}

function startCurves() {
  const holder = document.getElementById("curves");
  if (!holder) return () => {};
  const select = document.getElementById("metric");
  const isDeviation = (name) => name.endsWith("_sd");
  const metrics = [...new Set(data.curves.flatMap(Object.keys))].filter((name) => name !== "epoch" && !isDeviation(name));
  select.append(...metrics.map((name) => element("option", { value: name, textContent: name, selected: name === data.curve })));

  // Many runs form one trace with gaps: a trace for each would take seconds to draw.
  function traceOf(runs, name, style) {
    const [x, y, text] = [[], [], []];
    for (const i of runs) {
      const [epochs, values] = [data.curves[i].epoch, data.curves[i][select.value]];
      if (!epochs || !values) continue;
      x.push(...epochs, null);
      y.push(...values, null);
      text.push(...epochs.map(() => data.names[i]), "");
    }
    const hasSinglePoints = runs.some((i) => data.curves[i].epoch?.length === 1);
    return { x, y, text, name, mode: hasSinglePoints ? "lines+markers" : "lines", hovertemplate: "run %{text}, epoch %{x}: %{y:.5g}<extra></extra>", ...style };
  }

  // Mean plus and minus a standard deviation over the seeds, as a band; nothing for a run of one seed.
  function bandOf(i, colour) {
    const { epoch, [select.value]: means, [`${select.value}_sd`]: deviations } = data.curves[i];
    const known = (epoch ?? []).map((_, k) => k).filter((k) => isNumber(means?.[k]) && isNumber(deviations?.[k]));
    if (known.length < 2) return [];
    const back = [...known].reverse();
    const x = [...known, ...back].map((k) => epoch[k]);
    const y = [...known.map((k) => means[k] + deviations[k]), ...back.map((k) => means[k] - deviations[k])];
    return [{ x, y, mode: "lines", fill: "toself", fillcolor: colour, opacity: 0.22, line: { width: 0 }, hoverinfo: "skip", showlegend: false }];
  }

  function rangeOfValues() {
    if (select.value !== data.curve) return {};
    const values = data.curves.flatMap((curve) => curve[select.value] ?? []).filter(isNumber).sort((a, b) => a - b);
    if (values.length < 20) return {};
    const skipped = Math.floor(values.length * 0.2); // the first epochs of bad runs would flatten the rest
    let [low, high] = objective?.up ? [values[skipped], values.at(-1)] : [values[0], values[values.length - 1 - skipped]];
    // The best point of every run is in view, unless that would flatten all others: then a line says how many are not.
    const limit = 4 * (high - low);
    const bests = data.curves.map((curve) => (curve[select.value] ?? []).filter(isNumber)).filter((own) => own.length);
    const ends = bests.map((own) => (objective?.up ? Math.max(...own) : Math.min(...own)));
    const near = ends.filter((end) => (objective?.up ? high - end : end - low) <= limit);
    [low, high] = [Math.min(low, ...near), Math.max(high, ...near)];
    const margin = (high - low) * 0.05;
    return { range: [low - margin, high + margin], outside: ends.length - near.length };
  }

  function draw() {
    const visible = allRuns.filter((i) => view.visible.has(i));
    const ordinary = (test) => visible.filter((i) => test(i) && !bestRuns.has(i) && !view.chosen.includes(i));
    const isPruned = (i) => data.states[i] === "pruned";
    const letters = ["A", "B"];
    const shown = view.chosen.filter((i) => view.visible.has(i) && !bestRuns.has(i));
    const traces = [
      ...shown.flatMap((i) => bandOf(i, cssValue("--high"))),
      ...visible.filter((i) => bestRuns.has(i)).flatMap((i) => bandOf(i, cssValue("--best"))),
      traceOf(ordinary(isPruned), "pruned", { line: { color: cssValue("--pruned"), width: 1 }, opacity: 0.9 }),
      traceOf(ordinary((i) => !isPruned(i)), "other runs", { line: { color: cssValue("--accent"), width: 1 }, opacity: visible.length > 200 ? 0.35 : 0.7 }),
      ...shown.map((i) => traceOf([i], `${letters[view.chosen.indexOf(i)]}: run ${data.names[i]}`, { line: { color: cssValue("--high"), width: 3 } })),
      traceOf(visible.filter((i) => bestRuns.has(i)), "best", { line: { color: cssValue("--best"), width: 3 } }),
    ].filter((trace) => trace.x.length);
    const { outside = 0, ...range } = rangeOfValues();
    const left = outside ? ` (${outside} ${outside === 1 ? "run" : "runs"} out of view: double-click)` : "";
    const layout = { xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: select.value + left }, ...range }, legend: { orientation: "h", y: 1.12 }, hovermode: "closest", height: 420 };
    drawPlot(holder, traces, layout);
    holder.dataset.drawn = "true";
  }

  const redraw = () => holder.dataset.drawn && draw();
  select.addEventListener("change", redraw);
  onViewChange(redraw);
  whenVisible([holder], draw);
  return redraw;
}
