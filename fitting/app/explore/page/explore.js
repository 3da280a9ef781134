// The explorer's page: sliders, curves that follow them, fits. It asks its own server only, by paths below its address.
const $ = (id) => document.getElementById(id);
const page = crypto.randomUUID();
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 640px)");
const config = {displaylogo: false, responsive: true, displayModeBar: "hover",
  modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"]};

let setup, last, committed, initial, fit = {};
const undo = [], rows = new Map();
const now = {values: {}, own: {}, free: {}, bounds: {}, drive: {}, spike: {}, noise: true, seed: 0};

const colors = () => dark.matches
  ? {text: "#c9cfd6", grid: "#353b44", measured: "#aab4c0", waves: ["#ef7d8c", "#4fc3c7", "#e0b04a", "#9fa8ff", "#8fce7a", "#d78bd3"]}
  : {text: "#3b4252", grid: "#e3e6ea", measured: "#3b4252", waves: ["#d1495b", "#00798c", "#b07c00", "#5a5fcf", "#4c8c2b", "#a0449b"]};

// Requests

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? {} : {method: "POST", body: JSON.stringify(body),
      headers: {"content-type": "application/json"}});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The explorer does not answer: it has ended. Start it again on the command line.");
  }
  if (answer.ok) return answer.json();
  const text = await answer.text();
  let what = text;
  try { what = JSON.parse(text).error ?? text; } catch { /* not JSON: as it is */ }
  throw new Error(what);
}

// Arrays come as float32 in base64
const decode = (text) => Array.from(new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));

function unpack(curve) {
  for (const [key, x] of Object.entries(curve)) {
    if (key === "states") curve.states = unpack(x);
    else if (typeof x === "string") curve[key] = decode(x);
  }
  return curve;
}

function complain(error) {
  $("error").textContent = error ? String(error.message ?? error) : "";
  $("error").hidden = !error;
}

const attempt = (work) => async (...args) => {
  try { await work(...args); } catch (error) { complain(error); }
};

// What the page says: values that are sent, and their history

function choice(more = {}) {
  const values = {};
  for (const [name, x] of Object.entries(now.values)) if (now.own[name] !== false) values[name] = x;
  return {values, free: Object.keys(now.free).filter((n) => now.free[n]), bounds: now.bounds, drive: now.drive,
    spike: now.spike, noise: now.noise, seed: now.seed, stochastic: $("random").checked, spread: latest().spread ?? {}, page, ...more};
}

// The fit that ended last, here or before the explorer
const latest = () => fit.result ?? setup;

const copyOf = (x) => JSON.parse(JSON.stringify(x));

function commit() {
  const here = copyOf(now);
  if (JSON.stringify(here) === JSON.stringify(committed)) return;
  undo.push(committed);
  committed = here;
  $("undo").disabled = false;
}

function restore(state) {
  Object.assign(now, copyOf(state));
  committed = copyOf(now);
  for (const row of rows.values()) row.show();
  showRun();
  simulate();
}

// Numbers

const unitText = (unit) => unit === "1" ? "" : unit.replaceAll("ohm", "Ω").replaceAll("^0.5", "^½");

function text(x, digits = 4) {
  if (x === null || x === undefined) return "∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  return size < 1e-3 || size >= 1e5 ? x.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e")
    : String(Number(x.toPrecision(digits)));
}

const STEPS = 1000;

function valueAt(row, place) {
  const [low, high] = row.range;
  if (!row.logarithmic) return low + (high - low) * place / STEPS;
  if (row.zero && place <= 0) return 0;
  return low * (high / low) ** (place / STEPS);
}

function placeOf(row, x) {
  const [low, high] = row.range;
  if (!row.logarithmic) return STEPS * (x - low) / (high - low);
  return x <= 0 ? 0 : STEPS * Math.log(x / low) / Math.log(high / low);
}

// Rows of sliders

function element(tag, about = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, x] of Object.entries(about)) key in node ? node[key] = x : node.setAttribute(key, x);
  node.append(...children);
  return node;
}

class Row {
  constructor(about, target) {
    Object.assign(this, about, {target});  // target: now.values or now.drive
    this.first = [...(about.range ?? [])];
    this.node = element("div", {className: "row"});
    this.node.dataset.name = about.name;
    if (about.allowed) this.buildWords(); else this.buildNumber();
    this.node.append(element("div", {className: "doc", textContent: about.doc}));
  }

  get fitted() { return setup.can_fit && this.target === "values" && !this.allowed; }

  buildWords() {
    const select = element("select", {ariaLabel: this.name});
    for (const word of this.allowed) select.append(element("option", {value: word, textContent: word}));
    select.addEventListener("change", () => {
      const word = select.value;
      now.values[this.name] = this.allowed.find((x) => String(x) === word);
      commit();
      simulate();
    });
    this.select = select;
    this.node.append(element("div", {className: "top"}, element("span", {className: "name", textContent: this.name}), select));
  }

  buildNumber() {
    const top = element("div", {className: "top"});
    if (this.fitted) {
      this.tick = element("input", {type: "checkbox", ariaLabel: `fit ${this.name}`, title: "free: a fit moves it"});
      this.tick.addEventListener("change", () => { now.free[this.name] = this.tick.checked; commit(); this.show(); });
      top.append(this.tick);
    }
    this.label = element("span", {className: "name", textContent: this.name, title: this.doc});
    this.entry = element("input", {type: "number", step: "any", ariaLabel: `${this.name}, value`});
    this.sd = element("span", {className: "sd"});
    top.append(this.label, this.sd, this.entry, element("span", {className: "unit", textContent: unitText(this.unit)}));
    this.slider = element("input", {type: "range", min: 0, max: STEPS, step: 1, ariaLabel: this.name});
    this.slider.addEventListener("input", () => this.set(valueAt(this, Number(this.slider.value))));
    this.slider.addEventListener("change", commit);
    this.entry.addEventListener("change", () => {
      const x = this.entry.valueAsNumber;
      if (Number.isFinite(x)) { this.set(x); commit(); } else this.show();
    });
    this.low = element("span"); this.high = element("span");
    const ends = element("div", {className: "ends"}, this.low, this.middle(), this.high);
    this.node.append(top, this.slider, ends);
    if (this.follows) this.node.append(this.follower());
    if (this.fitted) this.node.append(this.limits());
  }

  middle() {
    const [low, high] = this.bounds;
    const words = `bounds ${low === null ? "−∞" : text(low)} to ${text(high)}`;
    if (!this.fitted) return element("span", {textContent: words});
    this.edit = element("button", {type: "button", textContent: words, title: "bounds of a fit"});
    this.edit.addEventListener("click", () => { this.box.hidden = !this.box.hidden; });
    return this.edit;
  }

  follower() {
    this.ownTick = element("input", {type: "checkbox"});
    this.ownTick.addEventListener("change", () => {
      now.own[this.name] = this.ownTick.checked;
      if (!this.ownTick.checked) now.free[this.name] = false;
      commit(); this.show(); simulate();
    });
    return element("label", {className: "doc"}, this.ownTick, ` a value of its own (else that of ${this.follows})`);
  }

  limits() {
    const side = (k) => {
      const input = element("input", {type: "number", step: "any", placeholder: text(this.bounds[k]),
        ariaLabel: `${this.name}, ${k ? "upper" : "lower"} bound of a fit`});
      input.addEventListener("change", () => {
        const pair = [0, 1].map((j) => Number.isFinite(this.sides[j].valueAsNumber) ? this.sides[j].valueAsNumber : this.bounds[j]);
        if (this.sides.every((s) => s.value === "")) delete now.bounds[this.name];
        else if (pair.includes(null)) return complain(`${this.name}: say both bounds`);
        else now.bounds[this.name] = pair;
        complain(); commit(); this.show();
      });
      return input;
    };
    this.sides = [side(0), side(1)];
    this.box = element("div", {className: "limits", hidden: true}, "fit between", this.sides[0], "and", this.sides[1]);
    return this.box;
  }

  set(x) {
    now[this.target][this.name] = x;
    if (this.follows) now.own[this.name] = true;
    this.show();
    for (const row of rows.values()) if (row.follows === this.name && !now.own[row.name]) row.show();
    simulate();
  }

  show() {
    if (this.select) { this.select.value = String(now.values[this.name]); return; }
    const own = now.own[this.name] !== false;
    const x = own ? now[this.target][this.name] : now.values[this.follows];
    const limits = now.bounds[this.name];
    let [low, high] = limits ?? this.first;
    if (this.logarithmic && low <= 0) low = Math.min(this.first[0], high / 1e4);
    if (x < low && (x > 0 || !this.logarithmic)) low = x;
    if (x > high) high = x;
    this.range = [low, high];
    this.slider.value = placeOf(this, x);
    if (document.activeElement !== this.entry || this.entry.valueAsNumber !== x) this.entry.value = text(x, 5);
    this.low.textContent = this.logarithmic && this.zero ? "0" : text(low, 3);
    this.high.textContent = text(high, 3);
    const fitted = latest().fitted;
    const sd = fitted?.std[this.name];
    this.sd.textContent = sd !== undefined && fitted.values[this.name] === x ? `± ${text(sd, 2)}` : "";
    if (this.tick) { this.tick.checked = Boolean(now.free[this.name]); this.node.classList.toggle("free", this.tick.checked); }
    if (this.ownTick) this.ownTick.checked = own;
    this.slider.disabled = this.entry.disabled = !own;
    if (this.sides) {
      if (limits) { this.sides.forEach((s, k) => { s.value = limits[k]; }); this.box.hidden = false; }
      else this.sides.forEach((s) => { if (document.activeElement !== s) s.value = ""; });
      this.edit.textContent = limits ? `fit: ${text(limits[0])} to ${text(limits[1])}`
        : `bounds ${this.bounds[0] === null ? "−∞" : text(this.bounds[0])} to ${text(this.bounds[1])}`;
    }
  }
}

function groups() {
  const parts = new Map();
  const put = (title, about, target, open = true) => {
    if (!parts.has(title)) parts.set(title, {open, list: []});
    parts.get(title).list.push([about, target]);
  };
  for (const about of setup.drive ?? []) put(setup.kind === "circuit" ? "source" : "sweep", about, "drive");
  const kinds = new Map((setup.netlist ?? []).map(([n, kind, nodes]) => [n, `${kind}, ${nodes.split(" ").join(" – ")}`]));
  const passive = (n) => ["resistor", "capacitor", "inductor"].some((k) => (kinds.get(n) ?? "").startsWith(k));
  const part = (n) => n.includes(".") ? n.slice(0, n.lastIndexOf(".")) : "";
  const every = [...setup.parameters];
  if (setup.kind === "circuit") every.sort((a, b) => passive(part(b.name)) - passive(part(a.name)));
  for (const about of every) {
    const owner = part(about.name);
    const prefix = owner ? `${owner} ` : "";
    if (about.noise) put(`${prefix}noise`, about, "values", setup.kind !== "circuit" && about.value > 0);
    else if (about.follows) put(`${prefix}values that follow others`, about, "values", about.own);
    else if (about.name.endsWith(".v0")) put("voltages at the start", about, "values", false);
    else put(owner ? `${owner}|${kinds.get(owner) ?? ""}` : "parameters", about, "values", passive(owner) || !owner || (kinds.get(owner) ?? "").length > 0);
  }
  const start = "voltages at the start";
  if (parts.has(start)) { const group = parts.get(start); parts.delete(start); parts.set(start, group); }
  return parts;
}

function buildRows() {
  for (const [title, {open, list}] of groups()) {
    const [name, kind] = title.split("|");
    const heading = element("summary", {}, name + " ", element("small", {textContent: kind ?? `(${list.length})`}));
    const box = element("details", {className: "card group", open}, heading);
    for (const [about, target] of list) {
      const row = new Row(about, target);
      rows.set(`${target} ${about.name}`, row);
      now[target][about.name] = about.value;
      if (about.follows) now.own[about.name] = about.own;
      if (about.free) now.free[about.name] = true;
      box.append(row.node);
    }
    $("rows").append(box);
  }
}

// Curves that follow the sliders: one request at a time, and the latest values always last

let busy = false, waiting = false, since = 0, run = null;

function simulate() {
  if (!since) since = performance.now();
  $("hist").classList.add("stale");
  if (setup.kind === "circuit") { stream(); return; }
  if (busy) { waiting = true; return; }
  request();
}

async function request() {
  busy = true;
  const begin = since;
  since = 0;
  const slow = setTimeout(() => { $("status").textContent = "compiling …"; }, 1500);
  try {
    last = await ask("simulate", choice());
    last.curves.forEach(unpack);
    const solved = last.solved.every(Boolean);
    complain(solved ? "" : "A solve did not end: the values are too extreme for this waveform. Its curve is left out.");
    await drawSimulated();
    const spent = performance.now() - begin;
    document.body.dataset.latency = spent.toFixed(1);
    $("status").textContent = spent < 2000 ? `${spent.toFixed(0)} ms` : `${(spent / 1000).toFixed(1)} s`;
    // The loop first; what stands below it follows where no newer value waits.
    if (!waiting) await drawBelow();
    document.body.dataset.complete = (performance.now() - begin).toFixed(1);
    document.body.dataset.answers = Number(document.body.dataset.answers ?? 0) + 1;
  } catch (error) {
    complain(error);
    $("status").textContent = "";
  } finally {
    clearTimeout(slow);
    busy = false;
    if (waiting) { waiting = false; request(); }
  }
}

// Plots

function layout(more) {
  const c = colors();
  const axis = {gridcolor: c.grid, zerolinecolor: c.grid, linecolor: c.grid, automargin: true, title: {standoff: 8}};
  const out = {paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    font: {color: c.text, size: 12.5, family: "system-ui, sans-serif"}, margin: {l: 60, r: 12, t: 8, b: 44},
    legend: {orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left"}, ...more};
  for (const key of Object.keys(out)) if (/^[xy]axis/.test(key)) out[key] = {...axis, ...out[key],
    title: {...axis.title, ...out[key].title}};
  return out;
}

const size = (x) => x.map(Math.abs);
const currentAxis = () => $("log").checked
  ? {type: "log", title: {text: "|current| (A)"}, exponentformat: "power", dtick: 1}
  : {type: "linear", title: {text: "current (A)"}, exponentformat: "SI"};
const current = (x) => $("log").checked || setup.unsigned ? size(x) : x;

function connect(cycles) {
  const x = [], y = [];
  for (const c of cycles) { x.push(...c.v, null); y.push(...current(c.i), null); }
  return {x: [x], y: [y]};
}

function rangeOfCurrents() {
  const every = (setup.measured?.cycles ?? last?.curves ?? []).flatMap((c) => c.i).filter((x) => x).map(Math.abs).sort((a, b) => a - b);
  if (!every.length || !$("log").checked) return undefined;
  const at = (q) => Math.log10(every[Math.min(every.length - 1, Math.floor(q * every.length))]);
  return [at(0.02) - 0.4, at(1) + 0.3];
}

async function drawIV() {
  const c = colors(), traces = [];
  const m = setup.measured;
  if (m) {
    const name = m.cycles.length < m.count ? `measured, ${m.cycles.length} of ${m.count} sweeps` : `measured, ${m.count} sweep${m.count > 1 ? "s" : ""}`;
    const xy = connect(m.cycles);
    traces.push({name, x: xy.x[0], y: xy.y[0], mode: "lines", line: {color: c.measured, width: m.count > 3 ? 1 : 1.6}, opacity: dark.matches || m.count <= 3 ? 0.75 : 0.45,
      hovertemplate: "%{x:.3g} V<br>%{y:.3g} A<extra>measured</extra>"});
  }
  traces.push({name: "simulated cycles", x: [], y: [], mode: "lines", line: {color: c.waves[0], width: 1}, opacity: 0.3,
    hoverinfo: "skip", visible: false});
  setup.waves.forEach((w, k) => traces.push({name: setup.waves.length > 1 || m ? `simulated, ${w}` : `simulated, ${w}`,
    x: [], y: [], mode: "lines", line: {color: c.waves[k % c.waves.length], width: 2.5},
    hovertemplate: "%{x:.3g} V<br>%{y:.3g} A<extra>simulated</extra>"}));
  const height = narrow.matches ? 290 : 460;
  const range = rangeOfCurrents();
  await Plotly.react("iv", traces, layout({height, xaxis: {title: {text: "voltage (V)"}},
    yaxis: {...currentAxis(), ...(range ? {range, autorange: false} : {autorange: true})}}), config);
}

async function drawSimulated() {
  const base = (setup.measured ? 1 : 0) + 1;
  const n = setup.waves.length, indices = [...Array(n).keys()];
  const ok = (k, x) => last.solved[k] ? x : [];
  const jobs = [Plotly.restyle("iv", {x: indices.map((k) => ok(k, last.curves[k].v)),
    y: indices.map((k) => ok(k, current(last.curves[k].i)))}, indices.map((k) => k + base))];
  if (!setup.measured && $("log").checked) {
    const range = rangeOfCurrents();
    if (range) jobs.push(Plotly.relayout("iv", {"yaxis.range": range}));
  }
  await Promise.all(jobs);
}

async function drawBelow() {
  await new Promise(requestAnimationFrame);
  await drawStates();
  if (last.functions) await drawFunctions();
  if (setup.measured && setup.events.length) await markEvents();
  else describeEvents();
}

// Rows of small plots above one time axis
const plots = {time: null};

function timeRows() {
  const units = Object.fromEntries(setup.states.map((s) => [s.name, unitText(s.unit)]));
  const unit = (n) => units[n.replace(/\[\d+\]$/, "")] ?? "";
  const label = (n) => unit(n) ? `${n} (${unit(n)})` : n;
  if (setup.kind !== "circuit") return ["v", ...Object.keys(last.curves[0].states)].map((n) => n === "v" ? ["v", "v (V)"] : [n, label(n)]);
  const first = setup.driven === "voltage" ? ["v", "source (V)"] : ["v", "v (V)"];
  const states = Object.keys(trace.states ?? {});
  const wanted = $("all").checked ? states : states.filter((n) => setup.signals.includes(n) || n === now.spike.signal);
  return [first, ...wanted.map((n) => [n, label(n)]), ["i", "i (A)"]];
}

async function drawTime(curves, names) {
  const c = colors(), list = timeRows(), n = list.length, gap = 0.035;
  const high = (1 - gap * (n - 1)) / n, traces = [];
  const each = narrow.matches ? 84 : setup.kind === "circuit" ? Math.max(110, (innerHeight - 240) / n) : 110;
  const more = {height: n * each + 62, showlegend: curves.length > 1, xaxis: {title: {text: "time (s)"}, anchor: `y${n > 1 ? n : ""}`}};
  list.forEach(([name, title], k) => {
    const axis = k ? `y${k + 1}` : "y";
    const top = 1 - k * (high + gap);
    const logarithmic = name === "i" && setup.driven === "voltage";
    more[k ? `yaxis${k + 1}` : "yaxis"] = {domain: [Math.max(0, top - high), top], title: {text: title}, nticks: 4,
      exponentformat: logarithmic ? "power" : "SI", ...(logarithmic ? {type: "log"} : {})};
    curves.forEach((curve, j) => {
      const y = name === "v" ? curve.v : name === "i" ? size(curve.i) : curve.states[name];
      traces.push({name: names[j], legendgroup: names[j], showlegend: k === 0, x: curve.t, y, yaxis: axis, mode: "lines",
        line: {color: c.waves[j % c.waves.length], width: 1.6}, hovertemplate: "%{x:.4g} s<br>%{y:.4g}<extra>" + name + "</extra>"});
    });
  });
  if (setup.kind === "circuit") {
    const k = list.findIndex(([name]) => name === now.spike.signal);
    if (k >= 0) traces.push({x: [], y: [], yaxis: k ? `y${k + 1}` : "y", mode: "markers", name: "spikes", showlegend: false,
      marker: {symbol: "triangle-down", size: 9, color: c.waves[1]}, hovertemplate: "spike at %{x:.5g} s<extra></extra>"});
  }
  plots.time = list.map(([name]) => name);
  await Plotly.react("time", traces, layout(more), config);
}

async function drawStates() {
  const names = timeRows().map(([n]) => n);
  if (JSON.stringify(names) !== JSON.stringify(plots.time)) { await drawTime(last.curves, setup.waves); return; }
  const x = [], y = [];
  for (const name of names) last.curves.forEach((curve, k) => {
    x.push(last.solved[k] ? curve.t : []);
    y.push(last.solved[k] ? (name === "v" ? curve.v : curve.states[name]) : []);
  });
  await Plotly.restyle("time", {x, y});
}

// Learned functions at the sliders, the bands of the fit that ended last, and strokes where the data lie

const axisTitle = ({title, unit}) => unit === "Correction" ? `correction of ${title.toLowerCase()}` : unit[0].toLowerCase() + unit.slice(1);

function panelTraces(panel, v, k, fitted) {
  const c = colors(), axes = k ? {xaxis: "x2", yaxis: "y2", legend: "legend2"} : {};
  const color = (curve) => c.waves[curve.is_second ? 1 : 0];
  const bands = fitted ? fitted.panels[k].curves : [];
  const traces = bands.map((curve) => ({x: [...decode(fitted.v), ...decode(fitted.v).reverse()],
    y: [...decode(curve.high), ...decode(curve.low).reverse()], ...axes, mode: "lines", fill: "toself", opacity: 0.25,
    fillcolor: color(curve), line: {width: 0}, hoverinfo: "skip", showlegend: false}));
  for (const curve of panel.curves) traces.push({name: curve.label, x: v, y: decode(curve.estimate), ...axes, mode: "lines",
    line: {color: color(curve), width: 2}, hovertemplate: `%{x:.3g} V<br>%{y:.3g}<extra>${curve.label}</extra>`});
  if (setup.coverage) {
    const x = decode(setup.coverage);
    traces.push({x, y: x.map(() => panel.limits[0]), ...axes, mode: "markers", hoverinfo: "skip",
      marker: {symbol: "line-ns-open", size: 14, color: c.measured, line: {width: 1}}, showlegend: false});
  }
  return traces;
}

async function drawFunctions() {
  const {v, panels} = last.functions, fitted = latest().fitted?.functions, stacked = narrow.matches;
  const legend = {orientation: "h", y: stacked ? 0.42 : 1.02, yanchor: "bottom", x: stacked ? 0 : 0.57, xanchor: "left"};
  const more = {height: stacked ? 620 : 330, legend2: legend}, traces = [];
  panels.forEach((panel, k) => {
    traces.push(...panelTraces(panel, decode(v), k, fitted));
    const side = stacked ? {} : {domain: k ? [0.57, 1] : [0, 0.43]};
    const level = stacked ? {domain: k ? [0, 0.42] : [0.58, 1]} : {};
    more[k ? "xaxis2" : "xaxis"] = {title: {text: "voltage of the device (V)"}, ...side, anchor: k ? "y2" : "y"};
    more[k ? "yaxis2" : "yaxis"] = {type: "log", title: {text: axisTitle(panel)}, exponentformat: "power",
      range: panel.limits.map(Math.log10), ...level, anchor: k ? "x2" : "x"};
  });
  $("functions-card").hidden = false;
  $("functions-text").textContent = (fitted ? "Lines: at the values of the sliders. Bands: nine tenths of the functions that the fit allows. " : "")
    + (setup.coverage ? "Strokes: voltages of the data; where there are none, a function is what its smoothness says." : "");
  await Plotly.react("functions", traces, layout(more), config);
}

// Switching and hold voltages

let cycles = null;

function shares(events, key) {
  const values = events.map((e) => e[key]).filter((x) => x !== null);
  return {values, none: events.length - values.length};
}

function bars(values, width, total) {
  const count = new Map();
  for (const v of values) { const k = Math.round(v / width); count.set(k, (count.get(k) ?? 0) + 1); }
  const places = [...count.keys()].sort((a, b) => a - b);
  return {x: places.map((k) => k * width), y: places.map((k) => 100 * count.get(k) / total)};
}

async function drawHistograms() {
  const c = colors(), traces = [], stacked = narrow.matches;
  const more = {height: stacked ? 420 : 280, barmode: "overlay", bargap: 0.05};
  ["v_th", "v_hold"].forEach((key, k) => {
    const measured = shares(setup.events, key).values;
    const simulated = cycles ? shares(cycles.events, key).values : [];
    const span = Math.max(...measured, 0) - Math.min(...measured, 0) || 1;
    const width = setup.step * Math.max(1, Math.round(span / 60 / setup.step));
    const axes = {xaxis: k ? "x2" : "x", yaxis: k ? "y2" : "y"};
    const hover = "%{x:.3g} V: %{y:.2g} %<extra>%{fullData.name}</extra>";
    traces.push({type: "bar", name: "measured", legendgroup: "m", showlegend: k === 0, ...bars(measured, width, Math.max(setup.events.length, 1)), ...axes,
      width, marker: {color: c.measured, opacity: 0.55}, hovertemplate: hover});
    traces.push({type: "bar", name: cycles ? `simulated, ${cycles.count} cycles` : "simulated cycles", legendgroup: "s", showlegend: k === 0 && Boolean(cycles), ...axes,
      ...bars(simulated, width, Math.max(cycles?.events.length ?? 1, 1)), width, marker: {color: c.waves[0], opacity: 0.5}, hovertemplate: hover});
    traces.push({type: "scatter", mode: "lines", name: "simulated, without noise", legendgroup: "l", showlegend: k === 0, x: [], y: [], ...axes,
      line: {color: c.waves[0], width: 2.5}, hovertemplate: "%{x:.3g} V<extra>simulated, without noise</extra>"});
    const side = stacked ? {} : {domain: k ? [0.55, 1] : [0, 0.45]};
    const level = stacked ? {domain: k ? [0, 0.38] : [0.6, 1]} : {};
    more[k ? "xaxis2" : "xaxis"] = {title: {text: k ? "hold voltage (V)" : "switching voltage (V)"}, ...side, anchor: k ? "y2" : "y"};
    more[k ? "yaxis2" : "yaxis"] = {title: {text: "share (%)"}, rangemode: "tozero", ...level, anchor: k ? "x2" : "x"};
  });
  await Plotly.react("hist", traces, layout(more), config);
  if (last) await markEvents();
}

async function markEvents() {
  const x = [], y = [];
  const top = (k) => Math.max(5, ...[$("hist").data[3 * k], $("hist").data[3 * k + 1]].flatMap((t) => t.y));
  ["v_th", "v_hold"].forEach((key, k) => {
    const places = shares(last.events, key).values;
    x.push(places.flatMap((v) => [v, v, null]));
    y.push(places.flatMap(() => [0, top(k), null]));
  });
  describeEvents();
  await Plotly.restyle("hist", {x, y}, [2, 5]);
}

function describeEvents() {
  const words = (events, key) => {
    const values = shares(events, key).values.map((v) => `${text(v, 3)} V`);
    return values.length ? values.join(" and ") : "none";
  };
  const stale = cycles && $("hist").classList.contains("stale") ? " The simulated cycles are those of earlier values." : "";
  const place = setup.measured && setup.events.length ? $("hist-text") : $("iv-text");
  place.hidden = !last.events.some((e) => e.v_th !== null);
  place.textContent = `Simulated without noise: switching at ${words(last.events, "v_th")}, hold at ${words(last.events, "v_hold")}; `
    + `on above ${text(setup.thresholds.on)} A, off below ${text(setup.thresholds.hold)} A.${stale}`;
}

async function drawCycles() {
  await Plotly.restyle("iv", {...connect(cycles.curves), visible: true}, [setup.measured ? 1 : 0]);
}

async function simulateCycles() {
  const button = $("cycles");
  button.disabled = true;
  button.textContent = "simulating … (the first time compiles)";
  try {
    cycles = await ask("cycles", choice());
    cycles.curves.forEach(unpack);
    $("hist").classList.remove("stale");
    complain();
    await drawCycles();
    await drawHistograms();
  } finally {
    button.disabled = false;
    button.textContent = `Simulate ${setup.cycles} cycles`;
  }
}

// A circuit: stretches of time come one after the other

let trace = {t: [], v: [], i: [], states: {}, spikes: []};

async function stream() {
  run?.abort();
  const mine = run = new AbortController();
  const begin = since;
  since = 0;
  const slow = setTimeout(() => { $("status").textContent = "compiling …"; }, 2500);
  let fresh = true, buffer = "";
  try {
    const answer = await fetch("run", {method: "POST", body: JSON.stringify(choice()), signal: mine.signal,
      headers: {"content-type": "application/json"}});
    if (!answer.ok) throw new Error((await answer.json()).error);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const {value, done} = await reader.read();
      if (done) break;
      buffer += value;
      const lines = buffer.split("\n");
      buffer = lines.pop();
      for (const line of lines) {
        if (mine !== run) return;
        const part = unpack(JSON.parse(line));
        if (part.error) throw new Error(part.error);
        if (fresh) { trace = {t: [], v: [], i: [], states: {}, spikes: []}; complain(); clearTimeout(slow); }
        await extend(part);
        if (fresh) document.body.dataset.latency = (performance.now() - begin).toFixed(1);
        fresh = false;
        $("status").textContent = part.stretch + 1 < setup.stretches ? `${part.stretch + 1} of ${setup.stretches}` : `${((performance.now() - begin) / 1000).toFixed(1)} s`;
      }
    }
    document.body.dataset.answers = Number(document.body.dataset.answers ?? 0) + 1;
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message === "Failed to fetch" ? "The explorer does not answer: it has ended." : error);
  } finally {
    clearTimeout(slow);
  }
}

async function extend(part) {
  for (const key of ["t", "v", "i"]) trace[key].push(...part[key]);
  for (const [n, x] of Object.entries(part.states)) (trace.states[n] ??= []).push(...x);
  trace.spikes = part.spikes;
  const list = timeRows().map(([n]) => n);
  if (JSON.stringify(list) !== JSON.stringify(plots.time)) await drawTime([trace], [""]);
  const y = list.map((n) => n === "v" ? trace.v : n === "i" ? size(trace.i) : trace.states[n]);
  const x = list.map(() => trace.t);
  const shown = trace.states[now.spike.signal] ?? size(trace.i);
  if (list.includes(now.spike.signal)) {
    const top = Math.max(...shown);
    x.push(trace.spikes); y.push(trace.spikes.map(() => top));
  }
  const duration = now.drive.duration;
  await Plotly.update("time", {x, y}, {"xaxis.range": [0, duration]});
  describeSpikes();
}

function describeSpikes() {
  const s = trace.spikes, gaps = s.slice(1).map((t, k) => t - s[k]);
  const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  const sd = Math.sqrt(gaps.reduce((a, b) => a + (b - mean) ** 2, 0) / (gaps.length - 1));
  let words = s.length === 1 ? "1 spike" : `${s.length} spikes`;
  if (s.length) words += `, the first at ${text(s[0])} s`;
  if (gaps.length) words += `; mean interval ${text(mean)} s`;
  if (gaps.length > 1) words += `, coefficient of variation ${text(sd / mean, 2)}`;
  $("spike-text").textContent = `${words}. A spike: ${now.spike.signal} above ${text(now.spike.level)} after it was below ${text(now.spike.rearm)}.`;
}

function showRun() {
  if (setup.kind !== "circuit") return;
  $("noise").checked = now.noise;
  $("seed").value = now.seed;
  $("spike-signal").value = now.spike.signal;
  $("spike-level").value = now.spike.level;
  $("spike-rearm").value = now.spike.rearm;
}

// Fits

function showFit(state) {
  fit = state;
  const history = state.history;
  $("fit").disabled = state.running;
  $("stop").disabled = !state.running;
  $("progress").hidden = !state.running;
  const loss = history.length ? `, iteration ${history.length}, loss ${text(Math.min(...history))}` : "";
  $("progress-text").textContent = `${state.stage || "starting"}${loss}, ${state.seconds.toFixed(0)} s${state.page === page ? "" : " (from another page)"}`;
  const finite = history.filter(Number.isFinite), low = Math.log(Math.min(...finite)), high = Math.log(Math.max(...finite));
  $("history").firstElementChild.setAttribute("points", finite.map((x, k) =>
    `${200 * k / Math.max(1, finite.length - 1)},${34 - 32 * (Math.log(x) - low) / (high - low || 1)}`).join(" "));
  $("save-tools").hidden = !state.result;
  if (!state.running && state.number) showResult(state);
}

function showResult(state) {
  const box = $("result");
  box.hidden = false;
  box.replaceChildren();
  if (!state.result) {
    const why = state.messages.filter((m) => !m.startsWith("note: ")).at(-1) ?? `it ended with status ${state.status}`;
    box.append(element("p", {textContent: `The fit gave nothing: ${why}`}));
    return;
  }
  describeFit(state.result, state.status === 130 ? ["stopped: the best result so far"] : []);
  if (state.page === page) { if (state.number > taken) takeValues(); }
  else if (state.number > taken) {
    const take = element("button", {type: "button", textContent: "Take its values"});
    take.addEventListener("click", takeValues);
    box.append(element("p", {textContent: "A fit of another page. "}), take);
  }
}

let taken = 0;

function describeFit(result, more = []) {
  const f = result.fitted, box = $("result");
  box.hidden = false;
  box.append(element("b", {textContent: `Fit: ${f.verdict.word ?? "done"}, loss ${text(f.loss)}`}));
  const lines = [...more, ...(f.verdict.reason ? [f.verdict.reason] : [])];
  if (f.at_bound.length) lines.push(`at a bound: ${f.at_bound.join(", ")}`);
  if (f.undetermined.length) lines.push(`not determined by the data: ${f.undetermined.join(", ")}`);
  box.append(element("ul", {}, ...lines.map((x) => element("li", {textContent: x}))));
}

function takeValues() {
  taken = fit.number;
  for (const [name, x] of Object.entries(fit.result.fitted.values)) {
    now.values[name] = x;
    if (name in now.own) now.own[name] = true;
  }
  commit();
  for (const row of rows.values()) row.show();
  simulate();
}

async function follow() {
  try {
    const state = await ask("state");
    showFit(state);
    setTimeout(follow, state.running ? 400 : 2500);
  } catch (error) { complain(error); }
}

// Files

function download(name, content, kind) {
  const link = element("a", {href: URL.createObjectURL(new Blob([content], {type: kind})), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copy() {
  const {command} = await ask("command", choice({out: $("folder").value}));
  $("command").hidden = false;
  $("command").textContent = command;
  try {
    await navigator.clipboard.writeText(command);
    $("copy").textContent = "Copied";
  } catch { $("copy").textContent = "Copy it from below"; }
  setTimeout(() => { $("copy").textContent = "Copy command"; }, 2000);
}

function listen() {
  const on = (id, event, work) => $(id).addEventListener(event, attempt(work));
  on("undo", "click", () => { restore(undo.pop()); $("undo").disabled = !undo.length; });
  on("reset", "click", () => { const here = copyOf(now); restore(initial); committed = here; commit(); });
  on("preset", "change", () => {
    const preset = setup.presets.find((p) => p.name === $("preset").value);
    $("preset").value = "";
    if (!preset) return;
    for (const [name, x] of Object.entries(preset.values)) { now.values[name] = x; if (name in now.own) now.own[name] = true; }
    for (const name of Object.keys(now.own)) if (!(name in preset.values)) now.own[name] = false;
    commit();
    for (const row of rows.values()) row.show();
    simulate();
  });
  on("log", "change", async () => { await drawIV(); if (last) await drawSimulated(); if (cycles) await drawCycles(); });
  on("cycles", "click", simulateCycles);
  on("fit", "click", async () => { complain(); showFit(await ask("fit", choice())); $("result").hidden = true; $("saved").textContent = ""; });
  on("stop", "click", async () => { $("stop").disabled = true; showFit(await ask("stop", {})); });
  on("save", "click", async () => {
    const {folder} = await ask("save", {out: $("folder").value});
    complain();
    $("saved").textContent = `Saved: ${folder}`;
  });
  on("copy", "click", copy);
  on("toml", "click", async () => download(`${setup.model}.toml`, (await ask("parameters", choice())).text, "application/toml"));
  on("csv", "click", async () => download(`${setup.model}.csv`, (await ask("stimulus", choice())).text, "text/csv"));
  on("all", "change", () => drawTime([trace], [""]).then(() => stream()));
  on("again", "click", () => { now.seed += 1; showRun(); commit(); simulate(); });
  on("noise", "change", () => { now.noise = $("noise").checked; commit(); simulate(); });
  on("seed", "change", () => { now.seed = Math.max(0, Math.floor($("seed").valueAsNumber || 0)); showRun(); commit(); simulate(); });
  for (const id of ["spike-signal", "spike-level", "spike-rearm"]) on(id, "change", () => {
    now.spike = {signal: $("spike-signal").value, level: $("spike-level").valueAsNumber || 0, rearm: $("spike-rearm").valueAsNumber || 0};
    commit(); simulate();
  });
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);
}

async function redraw() {
  plots.time = null;
  if (setup.kind === "circuit") { await drawTime([trace], [""]); stream(); return; }
  await drawIV();
  if (setup.measured && setup.events.length) await drawHistograms();
  if (last) { await drawSimulated(); await drawBelow(); }
  if (cycles) await drawCycles();
}

async function begin() {
  setup = await ask("setup");
  setup.measured?.cycles.forEach(unpack);
  setup.unsigned = setup.measured ? !setup.measured.cycles.some((c) => c.i.some((x) => x < 0)) : false;
  document.title = `${setup.title} · memjax explore`;
  $("title").textContent = setup.title;
  const units = {compliance: "A", compliance_negative: "A", series_resistance: "Ω", parallel_resistance: "Ω", parallel_capacitance: "F",
    temperature: "K"};
  const bench = Object.entries(setup.bench).map(([k, x]) => `${k.replaceAll("_", " ")} ${text(Number(x))} ${units[k]}`).join(", ");
  $("about").textContent = `Model ${setup.model}. Bench: ${bench}.`;
  document.body.classList.add(setup.kind);
  for (const p of setup.presets) $("preset").append(element("option", {value: p.name, textContent: p.name.split("/").at(-1), title: p.title}));
  $("preset").hidden = !setup.presets.length;
  $("fit-tools").hidden = !setup.can_fit;
  $("random-label").hidden = !setup.can_be_random;
  $("csv").hidden = setup.can_fit;
  $("hist-card").hidden = !setup.measured || !setup.events.length;
  $("cycles").textContent = `Simulate ${setup.cycles} cycles`;
  $("folder").value = `fit-${setup.model}`;
  if (setup.kind === "circuit") {
    $("iv-card").hidden = true;
    $("time-title").textContent = "The circuit in time";
    $("run-tools").hidden = $("spike-text").hidden = $("all-label").hidden = false;
    for (const s of setup.states) $("spike-signal").append(element("option", {value: s.name, textContent: s.name}));
    $("spike-signal").append(element("option", {value: "i", textContent: "i"}));
    now.spike = setup.spike;
    now.noise = setup.noisy;
  }
  now.bounds = setup.bounds ?? {};
  buildRows();
  for (const row of rows.values()) row.show();
  committed = copyOf(now);
  initial = copyOf(now);
  showRun();
  $("wait").hidden = true;
  $("main").hidden = false;
  $("notes").hidden = !setup.notes.length;
  $("notes").querySelector("ul").append(...setup.notes.map((x) => element("li", {textContent: x})));
  if (setup.notes.length < 9) $("notes").open = true;
  listen();
  if (setup.kind === "sweeps") {
    if (setup.fitted) describeFit(setup);
    await drawIV();
    if (setup.measured && setup.events.length) await drawHistograms();
    if (setup.can_fit) follow();
  }
  simulate();
}

begin().catch((error) => { $("wait").hidden = true; complain(error); });
