/** What was spent by day, DAG or model: a chart, and a table with the same figures beside it. */

import { get } from "./api.js";
import { element } from "./elements.js";
import { count, day, dollars, startOfDay } from "./formats.js";
import { errorBox } from "./messages.js";

const KINDS = { day: "Day", dag: "DAG", model: "Model" };
const DAYS = 30; // unless the filters name dates
const MOST_COLUMNS = 92;
const DAY = 86_400_000; // milliseconds

/** A section that loads nothing until it is opened; its choice stands in the address as `spend`. */
export class Spending {
  /** Make the section, closed; `changed` gets the new query string. */
  constructor(filters, changed) {
    this.filters = filters;
    this.changed = changed;
    this.kinds = Object.entries(KINDS).map(([kind, label]) => this._choice(kind, label));
    this.period = element("p", { class: "quiet" });
    this.content = element("div", { class: "figures" });
    const choices = element("div", { class: "choices", role: "group", "aria-label": "Spending by" }, this.kinds);
    this.element = element(
      "details",
      { class: "spend", ontoggle: () => this._toggled() },
      element("summary", {}, element("h2", {}, "Spending")),
      element("div", { class: "line" }, choices, this.period),
      this.content,
    );
  }

  /** Open or close as a query string says, and show its period. */
  show(query) {
    const kind = new URLSearchParams(query).get("spend");
    this.kind = kind in KINDS ? kind : null;
    this.element.open = Boolean(this.kind);
    for (const button of this.kinds) button.setAttribute("aria-pressed", String(button.value === this.kind));
    this.refresh();
  }

  /** Load the figures again, if they are shown. */
  refresh() {
    if (this.kind) this._load();
  }

  _choice(kind, label) {
    return element("button", { type: "button", value: kind, onclick: () => this._choose(kind) }, label);
  }

  _toggled() {
    if (this.element.open && !this.kind) this._choose("day");
    if (!this.element.open && this.kind) this._choose(null);
  }

  _choose(kind) {
    const query = new URLSearchParams(this.filters.query());
    if (kind) query.set("spend", kind);
    else query.delete("spend");
    this.changed(query.toString());
  }

  async _load() {
    this.request?.abort();
    this.request = new AbortController();
    const { since, until } = this.filters.parameters();
    const from = since || startOfDay(day(Date.now(), 1 - DAYS));
    this.period.textContent = `${since || until ? "In the chosen time" : `In the last ${DAYS} days`}, all DAGs that you may see`;
    try {
      const answer = await get("spend", { by: this.kind, since: from, until }, this.request.signal);
      this.content.replaceChildren(...drawn(answer, [from, until || new Date().toISOString()]));
    } catch (error) {
      if (error.name !== "AbortError") this.content.replaceChildren(errorBox(error, () => this._load()));
    }
  }
}

function drawn({ by, rows: unsorted, total }, period) {
  const rows = unsorted.toSorted(
    by === "day" ? (one, other) => (one.key < other.key ? -1 : 1) : (one, other) => sum(other) - sum(one),
  );
  if (!rows.length) return [element("p", { class: "quiet" }, "Nothing was spent.")];
  const legend = element(
    "p",
    { class: "legend" },
    ["settled", "estimated"].map((kind) => element("span", {}, mark(kind), kind)),
  );
  const chart = by === "day" ? columns(rows, period) : bars(rows);
  return [element("div", { class: "chart", "aria-hidden": "true" }, chart, legend), table(by, rows, total)];
}

function table(by, rows, total) {
  const heads = [by === "day" ? "Day (UTC)" : KINDS[by], "Videos", "Settled", "Estimated", "Cost unknown"].map((text) =>
    element("th", { scope: "col" }, text),
  );
  const line = (key, { videos, settled, estimated, cost_unknown: unknown }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row", title: key }, element("bdi", {}, key || "Unknown")),
      [String(videos), dollars(settled), dollars(estimated), String(unknown)].map((text) => element("td", {}, text)),
    );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Spending by ${KINDS[by]}` },
    element(
      "table",
      {},
      element("caption", { class: "unseen" }, `Spending by ${KINDS[by]}, ${count(total.videos, "video")}`),
      element("thead", {}, element("tr", {}, heads)),
      element(
        "tbody",
        {},
        (by === "day" ? rows.toReversed() : rows).map((row) => line(row.key, row)),
      ),
      element("tfoot", {}, line("Total", total)),
    ),
  );
}

function columns(rows, period) {
  const days = everyDay(rows, period);
  const most = Math.max(...days.map(sum));
  const one = (row) => element("div", { class: "column", title: `${row.key}: ${dollars(sum(row))}` }, parts(row, most));
  const ends = [days[0].key, days.at(-1).key].map((key) => element("span", {}, key));
  return element(
    "div",
    { class: "columns" },
    element("div", { class: "most" }, dollars(most)),
    element("div", { class: "plot" }, days.map(one)),
    element("div", { class: "ends" }, ends[0], days.length > 1 && ends[1]),
  );
}

function bars(rows) {
  const most = Math.max(...rows.map(sum));
  const one = (row) =>
    element(
      "div",
      { class: "bar" },
      element("bdi", { title: row.key }, row.key || "Unknown"),
      element("div", { class: "track" }, parts(row, most)),
    );
  return element("div", { class: "bars" }, rows.map(one));
}

function parts(row, most) {
  return ["settled", "estimated"].map((kind) => {
    const part = mark(kind);
    part.style.setProperty("--share", `${most ? (100 * Number(row[kind])) / most : 0}%`);
    return part;
  });
}

/** Fill the days without videos, unless there are too many to be seen. */
function everyDay(rows, period) {
  const known = new Map(rows.map((row) => [row.key, row]));
  const instants = [...known.keys(), ...period].map((key) => Date.parse(key)).filter(Number.isFinite);
  const first = Math.floor(Math.min(...instants) / DAY);
  const number = Math.ceil(Math.max(...instants) / DAY) - first;
  if (number > MOST_COLUMNS) return rows;
  const keys = Array.from({ length: Math.max(1, number) }, (_, index) =>
    new Date((first + index) * DAY).toISOString().slice(0, 10),
  );
  return keys.map((key) => known.get(key) ?? { key, settled: "0", estimated: "0" });
}

function sum(row) {
  return Number(row.settled) + Number(row.estimated);
}

function mark(kind) {
  return element("span", { class: `mark ${kind}` });
}
