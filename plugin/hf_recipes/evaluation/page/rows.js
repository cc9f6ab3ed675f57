"use strict";
// Shows the test rows a page at a time. Whatever a model or a person wrote becomes text nodes, never markup.
(() => {
  const source = document.getElementById("rows-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const AT_ONCE = 25;
  const LONG = 600;
  const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/u;
  const metrics = Object.keys(data.metrics).filter((name) =>
    data.rows.some((row) => Object.values(row.a).some((one) => name in one.s)));
  const methods = Object.keys(data.methods).filter((name) => data.rows.some((row) => name in row.a));
  const lowered = new Map();
  let matching = data.rows;
  let first = 0;

  /** An element with its attributes; children are elements or text. */
  const make = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  /** Text as it is; characters that nobody sees, or that turn the direction of what follows, are named instead. */
  const shown = (text) => {
    const parts = [];
    let plain = "";
    for (const char of text) {
      if (!UNSEEN.test(char)) { plain += char; continue; }
      if (plain) parts.push(plain);
      plain = "";
      const code = "U+" + char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      parts.push(make("span", { class: "unseen" }, code));
    }
    if (plain) parts.push(plain);
    return parts;
  };

  const textBox = (place, name) => {
    const text = data.texts[place];
    if (!text.trim()) return make("div", { class: "text empty" }, "(empty)");
    const long = text.length > LONG || text.split("\n").length > 12;
    return make("div", { class: "text", dir: "auto", ...(long ? { tabindex: "0", role: "region", "aria-label": name } : {}) }, ...shown(text));
  };

  /** "right", "wrong", "between" where a metric grades, or "" where this metric says nothing of the answer. */
  const judged = (row, method) => {
    const value = row.a[method]?.s[metric()];
    return value === undefined ? "" : value === 1 ? "right" : value === 0 ? "wrong" : "between";
  };

  /** As rounding.py writes a share: one digit, and more where it would read as all or nothing. */
  const share = (value) => {
    for (let digits = 1; digits < 4; digits++) {
      const said = (100 * value).toFixed(digits);
      if (![0, 100].includes(Number(said))) return `${said}%`;
    }
    return value === 0 || value === 1 ? `${(100 * value).toFixed(1)}%` : `${(100 * value).toFixed(4)}%`;
  };

  const metric = () => controls.metric ? controls.metric.value : metrics[0];

  const lower = (place) => {
    if (!lowered.has(place)) lowered.set(place, data.texts[place].toLowerCase());
    return lowered.get(place);
  };
  const contains = (row, words) => {
    const places = [...row.m.map((one) => one[1]), row.e, ...Object.values(row.a).map((one) => one.t)];
    return String(row.r) === words || places.some((place) => lower(place).includes(words));
  };

  // What one can choose.
  const controls = { methods: {} };
  let fields = 0;
  const field = (name, control) => {
    control.id = `field-${++fields}`;
    return make("div", { class: "field" }, make("label", { for: control.id }, name), control);
  };
  const options = (select, named) => {
    const before = select.value;
    select.replaceChildren(...named.map(([value, name]) => make("option", { value }, name)));
    if (before) select.value = before;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  };
  const bar = make("form", { class: "filters", "aria-label": "Which rows are shown" });
  bar.addEventListener("submit", (event) => event.preventDefault());
  controls.search = make("input", { type: "search", placeholder: "in prompts and answers, or a row number", autocomplete: "off" });
  bar.append(field("Search", controls.search));
  controls.search.parentElement.classList.add("wide");
  if (metrics.length > 1) {
    controls.metric = make("select");
    options(controls.metric, metrics.map((name) => [name, data.metrics[name]]));
    bar.append(field("Right or wrong by", controls.metric));
  }
  if (metrics.length) {
    for (const name of methods) {
      controls.methods[name] = make("select");
      bar.append(field(data.methods[name], controls.methods[name]));
    }
  }
  controls.differ = make("input", { type: "checkbox" });
  if (metrics.length && methods.length > 1) {
    bar.append(make("label", { class: "check" }, controls.differ, "Only rows where methods disagree"));
  }
  const reset = make("button", { type: "reset" }, "Show all");
  bar.append(reset);

  const status = make("p", { class: "status", role: "status" });
  const list = make("div", { class: "list" });
  const back = make("button", { type: "button" }, "Earlier rows");
  const forth = make("button", { type: "button" }, "Later rows");
  const pages = make("nav", { class: "pages", "aria-label": "Pages of rows" }, back, forth);

  const count = () => {
    for (const [name, select] of Object.entries(controls.methods)) {
      const tally = { right: 0, between: 0, wrong: 0 };
      for (const row of data.rows) if (judged(row, name)) tally[judged(row, name)] += 1;
      const kinds = tally.between ? ["right", "between", "wrong"] : ["right", "wrong"];
      const named = { right: "right", between: "in between", wrong: "wrong" };
      options(select, [["", "any"], ...kinds.map((kind) => [kind, `${named[kind]} (${tally[kind].toLocaleString("en")})`])]);
    }
  };

  const filter = () => {
    const words = controls.search.value.trim().toLowerCase();
    const wanted = Object.entries(controls.methods).filter(([, select]) => select.value);
    matching = data.rows.filter((row) =>
      wanted.every(([name, select]) => judged(row, name) === select.value)
      && (!controls.differ.checked || new Set(methods.map((name) => row.a[name]?.s[metric()]).filter((value) => value !== undefined)).size > 1)
      && (!words || contains(row, words)));
    first = 0;
    show();
  };

  const show = () => {
    const page = matching.slice(first, first + AT_ONCE);
    const number = (value) => value.toLocaleString("en");
    const of = matching.length === data.rows.length ? `${number(data.rows.length)} rows` : `${number(matching.length)} rows that match, of ${number(data.rows.length)}`;
    status.textContent = page.length ? `${number(first + 1)} to ${number(first + page.length)} of ${of}` : `None of the ${number(data.rows.length)} rows matches.`;
    list.replaceChildren(...page.map(card));
    back.disabled = first === 0;
    forth.disabled = first + AT_ONCE >= matching.length;
    pages.hidden = matching.length <= AT_ONCE;
  };

  const turn = (by) => {
    first = Math.max(0, first + by);
    show();
    status.scrollIntoView({ block: "start" });
  };

  const card = (row) => {
    const asked = row.m.map((one) => one[0]).lastIndexOf("user");
    const question = row.m[asked < 0 ? row.m.length - 1 : asked];
    const left = make("div", { class: "asked" }, make("h3", {}, `Row ${row.r}`));
    if (question) left.append(make("h4", {}, "Prompt"), textBox(question[1], `Prompt of row ${row.r}`));
    left.append(make("h4", {}, "Expected"), textBox(row.e, `Expected of row ${row.r}`));
    if (row.m.length > 1) left.append(whole("Whole prompt", row.m, row.r));
    const right = make("div", { class: "answers" }, ...methods.filter((name) => name in row.a).map((name) => answer(row, name)));
    return make("article", { "aria-label": `Row ${row.r}`, "data-row": row.r }, left, right);
  };

  const answer = (row, name) => {
    const one = row.a[name];
    const state = judged(row, name);
    const value = one.s[metric()];
    const said = { right: "✓ right", wrong: "✗ wrong", between: share(value) }[state] ?? "";
    const made = make("section", { class: `answer ${state}`, "data-method": name },
      make("h4", {}, data.methods[name], make("span", { class: "said" }, said)), textBox(one.t, `Answer of ${data.methods[name]} to row ${row.r}`));
    if (one.p) made.append(whole("What it was asked", one.p, row.r));
    return made;
  };

  /** Filled when it is opened: prompts with examples are long. */
  const whole = (name, messages, row) => {
    const made = make("details", {}, make("summary", {}, name));
    made.addEventListener("toggle", () => {
      if (made.open && made.children.length === 1) {
        made.append(...messages.flatMap(([role, place]) => [make("h5", {}, role), textBox(place, `${role}, row ${row}`)]));
      }
    });
    return made;
  };

  let waiting;
  controls.search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 150); });
  bar.addEventListener("change", (event) => { if (event.target === controls.metric) count(); if (event.target !== controls.search) filter(); });
  bar.addEventListener("reset", () => setTimeout(() => { count(); filter(); }));
  back.addEventListener("click", () => turn(-AT_ONCE));
  forth.addEventListener("click", () => turn(AT_ONCE));
  const place = document.getElementById("rows");
  if (data.cut) place.append(make("p", { class: "soft" }, "Prompts of some answers are left out here; they stand in rows.jsonl."));
  place.append(bar, status, list, pages);
  count();
  show();
})();
