// What all parts of the page share: the runs as columns, which of them are shown, and which two are compared.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const data = read("data");
const count = data.names.length;
const all = [...Array(count).keys()];
const best = new Set(data.best);
const objective = data.columns.find((column) => column.kind === "objective");

const state = {
  text: "",
  hidden: new Set(), // states of runs that are not shown
  brushes: new Map(), // column name -> test of a run's index
  chosen: data.order.slice(0, 2),
  sort: { column: null, descending: false }, // null: by rank
  visible: new Set(all),
};
const listeners = [];
const onChange = (listener) => listeners.push(listener);

const byName = new Map(data.columns.map((column) => [column.name, column]));
const isNumber = (value) => typeof value === "number";
const columnIsNumeric = (column) => column.values.every((v) => v === null || isNumber(v)) && column.values.some(isNumber);

function show(value) {
  if (value === null || value === undefined) return "";
  if (!isNumber(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en").replace("-", "−");
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e7) ? String(Number(value.toPrecision(3)).toExponential()).replace("e+", "e") : String(Number(value.toPrecision(5)));
  return text.replace("-", "−");
}

const OPERATORS = { ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, "=": (a, b) => a === b };

// "val/elbo>-100" compares a column, named in full or by its last part; any other word is looked for in the row.
function termTest(term) {
  const parts = term.match(/^([^<>=]+)(>=|<=|>|<|=)(.+)$/);
  const named = parts && data.columns.find((c) => c.name === parts[1] || c.name.split(/[./]/).pop() === parts[1]);
  if (named) {
    const number = Number(parts[3].replace("−", "-"));
    if (!Number.isNaN(number)) return (i) => isNumber(named.values[i]) && OPERATORS[parts[2]](named.values[i], number);
    return (i) => String(named.values[i]).toLowerCase() === parts[3].toLowerCase();
  }
  const word = term.toLowerCase();
  const texts = (i) => [data.names[i], data.states[i], ...data.columns.map((c) => c.values[i])];
  return (i) => texts(i).some((value) => value !== null && String(value).toLowerCase().includes(word));
}

function update() {
  const tests = [
    (i) => !state.hidden.has(data.states[i]),
    ...state.text.split(/[\s,]+/).filter(Boolean).map(termTest),
    ...state.brushes.values(),
  ];
  state.visible = new Set(all.filter((i) => tests.every((test) => test(i))));
  listeners.forEach((listener) => listener());
}

// The last two that were clicked are compared; a click on one of them lets it go.
function choose(i) {
  state.chosen = state.chosen.includes(i) ? state.chosen.filter((other) => other !== i) : [...state.chosen.slice(-1), i];
  update();
}

function sorted() {
  const { column, descending } = state.sort;
  if (!column) return data.order;
  const values = column === "run" ? all : column === "state" ? data.states : byName.get(column).values;
  const sign = descending ? -1 : 1;
  const missing = (value) => value === null || value === undefined;
  return [...all].sort((i, j) => {
    const [a, b] = [values[i], values[j]];
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return sign * (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  });
}

// 0 to 1, by rank: how good a run is. One far outlier does not make all the others look alike.
const goodness = (() => {
  if (!objective) return () => 0;
  const have = all.filter((i) => isNumber(objective.values[i]));
  have.sort((i, j) => (objective.up ? 1 : -1) * (objective.values[i] - objective.values[j]));
  const rank = new Map(have.map((i, place) => [i, have.length > 1 ? place / (have.length - 1) : 1]));
  return (i) => rank.get(i) ?? 0;
})();

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};
