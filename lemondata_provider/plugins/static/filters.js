/** The filters of the page: a row of controls that stands for the query string of the address bar. */

import { STATES } from "./card.js";
import { element, setShown } from "./elements.js";
import { startOfDay } from "./formats.js";

const LISTS = {
  dag_id: ["DAG", "dags"],
  model: ["Model", "models"],
  operation: ["Operation", "operations"],
  state: ["State", "states"],
};
const DATES = { since: "From", until: "To" };
const NAMES = [...Object.keys(LISTS), ...Object.keys(DATES)];

/** The controls; `onChange` gets the new query string. */
export class Filters {
  /** Make the controls, empty until `offer` and `show` are called. */
  constructor(onChange) {
    this.onChange = onChange;
    this.others = new URLSearchParams(); // what else stands in the query string
    const lists = Object.entries(LISTS).map(([name, [label]]) => labelled(label, element("select", { name })));
    const dates = Object.entries(DATES).map(([name, label]) =>
      labelled(label, element("input", { name, type: "date" })),
    );
    this.clear = element("button", { type: "button", class: "plain", onclick: () => this._clear() }, "Clear filters");
    const onsubmit = (event) => event.preventDefault();
    this.element = element(
      "form",
      { class: "filters", "aria-label": "Filters", onsubmit, onchange: () => onChange(this.query()) },
      lists,
      dates,
    );
    this.offer({});
  }

  /** Fill the lists with what the API knows. */
  offer(choices) {
    for (const [name, [, list]] of Object.entries(LISTS)) {
      const select = this._control(name);
      const chosen = select.value;
      const options = (choices[list] ?? []).map((value) => option(name, value));
      select.replaceChildren(element("option", { value: "" }, "All"), ...options);
      choose(select, chosen);
    }
  }

  /** Set the controls as a query string says. */
  show(query) {
    this.others = new URLSearchParams(query);
    for (const name of NAMES) {
      choose(this._control(name), this.others.get(name) ?? "");
      this.others.delete(name);
    }
    this._offerToClear();
  }

  /** Return the query string for these controls. */
  query() {
    const query = new URLSearchParams();
    for (const name of NAMES) if (this._control(name).value) query.set(name, this._control(name).value);
    for (const [name, value] of this.others) query.set(name, value);
    this._offerToClear();
    return query.toString();
  }

  /** Return what the API gets: days become instants, and the last day counts as a whole. */
  parameters() {
    const values = Object.fromEntries(NAMES.map((name) => [name, this._control(name).value]));
    if (values.since) values.since = startOfDay(values.since);
    if (values.until) values.until = startOfDay(values.until, 1);
    return values;
  }

  /** Tell whether anything is left out. */
  get active() {
    return NAMES.some((name) => this._control(name).value);
  }

  _control(name) {
    return this.element.elements.namedItem(name);
  }

  _clear() {
    for (const name of NAMES) this._control(name).value = "";
    this._control(NAMES[0]).focus(); // this button is about to go
    this.onChange(this.query());
  }

  _offerToClear() {
    setShown(this.clear, this.active);
  }
}

function choose(control, value) {
  control.value = value;
  if (control.value === value || !(control instanceof HTMLSelectElement)) return;
  control.append(option(control.name, value)); // a shared link may name what this Airflow no longer has
  control.value = value;
}

function option(name, value) {
  return element("option", { value }, name === "state" ? (STATES[value] ?? value) : value);
}

function labelled(text, control) {
  return element("label", {}, element("span", {}, text), control);
}
