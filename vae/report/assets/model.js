// What all parts of the page share: the runs as columns, which of them are visible, and which two are compared.
// A run is known by its index, `i`.
const readJson = (id) => JSON.parse(document.getElementById(id).textContent);
const data = readJson("data");
const runCount = data.names.length;
const allRuns = [...Array(runCount).keys()];
const bestRuns = new Set(data.best);
const objective = data.columns.find((column) => column.kind === "objective");

const view = {
  filterText: "",
  hiddenStates: new Set(), // runs in these states are not visible
  brushes: new Map(), // column name -> test that a run must pass
  chosen: data.order.slice(0, 2),
  sort: { column: null, descending: false }, // column null: by rank
  visible: new Set(allRuns),
};
const listeners = [];
const onViewChange = (listener) => listeners.push(listener);

const columnByName = new Map(data.columns.map((column) => [column.name, column]));
const isNumber = (value) => typeof value === "number";
const isNumericColumn = (column) => column.values.every((v) => v === null || isNumber(v)) && column.values.some(isNumber);

function valueText(value) {
  if (value === null || value === undefined) return "";
  if (!isNumber(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en").replace("-", "−");
  const magnitude = Math.abs(value);
  const text = magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e7) ? String(Number(value.toPrecision(3)).toExponential()).replace("e+", "e") : String(Number(value.toPrecision(5)));
  return text.replace("-", "−");
}

// The text of a run's value: numbers that are not whole come as text, rounded once, from the number itself.
const textOf = (column, i) => column.texts?.[i] ?? valueText(column.values[i]);

const OPERATORS = { ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, "=": (a, b) => a === b };

// "val/elbo>-100" compares a column, named in full or by its last part; any other word is searched for in the row.
function testOfTerm(term) {
  const [, name, operator, operand] = term.match(/^([^<>=]+)(>=|<=|>|<|=)(.+)$/) ?? [];
  const column = name && data.columns.find((c) => c.name === name || c.name.split(/[./]/).pop() === name);
  if (column) {
    const number = Number(operand.replace("−", "-"));
    if (!Number.isNaN(number)) return (i) => isNumber(column.values[i]) && OPERATORS[operator](column.values[i], number);
    return (i) => String(column.values[i]).toLowerCase() === operand.toLowerCase();
  }
  const word = term.toLowerCase();
  const valuesOf = (i) => [data.names[i], data.states[i], ...data.columns.map((c) => c.values[i])];
  return (i) => valuesOf(i).some((value) => value !== null && String(value).toLowerCase().includes(word));
}

function updateView() {
  const tests = [
    (i) => !view.hiddenStates.has(data.states[i]),
    ...view.filterText.split(/[\s,]+/).filter(Boolean).map(testOfTerm),
    ...view.brushes.values(),
  ];
  view.visible = new Set(allRuns.filter((i) => tests.every((test) => test(i))));
  listeners.forEach((listener) => listener());
}

// The last two runs that were clicked are compared; clicking one of them again deselects it.
function toggleChosen(i) {
  view.chosen = view.chosen.includes(i) ? view.chosen.filter((other) => other !== i) : [...view.chosen.slice(-1), i];
  updateView();
}

function sortedRuns() {
  const { column, descending } = view.sort;
  if (!column) return data.order;
  const values = column === "run" ? allRuns : column === "state" ? data.states : columnByName.get(column).values;
  const sign = descending ? -1 : 1;
  const isMissing = (value) => value === null || value === undefined;
  return [...allRuns].sort((i, j) => {
    const [a, b] = [values[i], values[j]];
    if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b);
    return sign * (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  });
}

// How good a run is: 0 to 1, by rank, so that one outlier does not make all the others look alike.
const goodness = (() => {
  if (!objective) return () => 0;
  const ranked = allRuns.filter((i) => isNumber(objective.values[i]));
  ranked.sort((i, j) => (objective.up ? 1 : -1) * (objective.values[i] - objective.values[j]));
  const shares = new Map(ranked.map((i, place) => [i, ranked.length > 1 ? place / (ranked.length - 1) : 1]));
  return (i) => shares.get(i) ?? 0;
})();

const cssValue = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const element = (tag, attributes = {}, ...children) => {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in created && name !== "list") created[name] = value;
    else created.setAttribute(name, value);
  }
  created.append(...children);
  return created;
};
