/** The page "Videos": filters, spending, and the cards, newest first. */

import { get } from "./api.js";
import { Card, keyOf } from "./card.js";
import { element, setShown } from "./elements.js";
import { Filters } from "./filters.js";
import { count, spending } from "./formats.js";
import { emptyBox, errorBox, placeholders } from "./messages.js";
import { keepFresh } from "./refresh.js";
import { Spending } from "./spend.js";

const PAGE = 24;

/** The page in its shadow root. */
export class Gallery {
  /** Build the page; `navigate` is the router's. */
  constructor(root, { navigate, pathname, search }) {
    this.navigate = navigate;
    this.cards = new Map();
    this.arrived = []; // newer videos that wait for a click, so that no card moves away under the pointer
    const changed = (query) => navigate({ pathname, search: query }, { replace: true });
    this.filters = new Filters(changed);
    this.spending = new Spending(this.filters, changed);
    this._build(root);
    this.fresh = keepFresh((asked) => this._refresh(asked));
    this.clock = setInterval(() => this.cards.forEach((card) => card.tick()), 1000);
    this._offerChoices();
    this.show(search);
  }

  /** Show what a query string asks for. */
  show(search) {
    const query = search.replace(/^\?/, "");
    if (query === this.shown) return;
    this.shown = query;
    this.filters.show(query);
    this.spending.show(query);
    const asked = JSON.stringify(this.filters.parameters());
    if (asked !== this.asked) this._load(); // the list does not depend on what spending shows
    this.asked = asked;
  }

  /** Stop everything; the page is left. */
  close() {
    this.fresh.stop();
    clearInterval(this.clock);
    this.request?.abort();
  }

  _build(root) {
    this.summary = element("p", { class: "summary" });
    const reload = element("button", { type: "button", onclick: () => this._reload() }, "Refresh");
    this.news = element("button", { type: "button", class: "news", onclick: () => this._showArrived() });
    this.status = element("p", { class: "status", role: "status" });
    this.list = element("div", { class: "cards", "aria-label": "Videos", role: "region", "aria-busy": "true" });
    this.more = element("button", { type: "button", onclick: () => this._loadMore() }, "Load more");
    setShown(this.news, false);
    setShown(this.more, false);
    root.append(
      element(
        "main",
        { class: "page" },
        element("header", {}, element("h1", {}, "Videos"), this.summary, this.filters.clear, reload),
        this.filters.element,
        this.spending.element,
        this.news,
        this.list,
        element("footer", {}, this.status, this.more),
      ),
    );
  }

  async _offerChoices() {
    try {
      this.filters.offer(await get("filters"));
    } catch {
      // The list below says what is wrong; what stands in the address still filters.
    }
  }

  async _load() {
    this.request?.abort();
    this.request = new AbortController();
    this.list.setAttribute("aria-busy", "true");
    if (!this.list.querySelector(".card")) this.list.replaceChildren(...placeholders(6));
    try {
      const [page] = await Promise.all([this._page(), this._summarise()]);
      this.cards.clear();
      this.list.replaceChildren(...page.videos.map((video) => this._card(video).element));
      this._announce([], page.next);
      if (!this.cards.size) this.list.replaceChildren(this._nothing());
      this.status.textContent = this.cards.size && this.filters.active ? this._countShown() : "";
    } catch (error) {
      if (error.name === "AbortError") return;
      this.cards.clear();
      this.list.replaceChildren(errorBox(error, () => this._load()));
      this._announce([], null);
    }
    this.list.setAttribute("aria-busy", "false");
    this.fresh.start(this._inFlight());
  }

  _reload() {
    this.spending.refresh();
    if (this.cards.size) this.fresh.now();
    else this._load();
  }

  async _loadMore() {
    this.more.disabled = true;
    try {
      const page = await this._page(this.next);
      const cards = page.videos.filter((video) => !this.cards.has(keyOf(video))).map((video) => this._card(video));
      this.list.append(...cards.map((card) => card.element));
      this._announce(this.arrived, page.next);
      this.status.textContent = this._countShown();
      if (!page.next) cards[0]?.element.querySelector("a, button")?.focus(); // the button is gone
    } catch (error) {
      if (error.name !== "AbortError") this.status.textContent = "Loading more failed. Try again.";
    }
    this.more.disabled = false;
    this.fresh.start(this._inFlight());
  }

  async _refresh(asked) {
    const request = this.request;
    try {
      const [page] = await Promise.all([this._page(), this._summarise()]);
      await this._finishOthers(page.videos);
      if (request !== this.request) return false; // other filters meanwhile
      for (const video of page.videos) this.cards.get(keyOf(video))?.update(video);
      const arrived = page.videos.filter((video) => !this.cards.has(keyOf(video)));
      this._announce(arrived, this.next);
      if (asked || !this.cards.size) this._showArrived();
      this.status.textContent = "";
      return this._inFlight();
    } catch (error) {
      if (error.name !== "AbortError") this.status.textContent = "The last refresh failed. Trying again.";
      throw error;
    }
  }

  /** Update the videos in flight that are not on the first page, or no longer fit the filters. */
  async _finishOthers(known) {
    const keys = new Set(known.map(keyOf));
    const others = [...this.cards].filter(([key, card]) => card.inFlight && !keys.has(key));
    await Promise.all(others.map(([key, card]) => this._finish(key, card)));
  }

  async _finish(key, card) {
    const { dag_id, run_id, task_id, map_index } = card.video;
    try {
      card.update(await get("video", { dag_id, run_id, task_id, map_index }, this.request.signal));
    } catch (error) {
      if (error.status !== 404) throw error;
      card.element.remove(); // its run was deleted
      this.cards.delete(key);
    }
  }

  _page(after = undefined) {
    return get("videos", { ...this.filters.parameters(), limit: PAGE, after }, this.request.signal);
  }

  async _summarise() {
    const { in_flight: inFlight, today } = await get("summary", {}, this.request.signal);
    this.anyInFlight = inFlight > 0;
    this.summary.textContent = `${inFlight} in flight · today ${count(today.videos, "video")}, ${spending(today)}`;
  }

  _card(video) {
    const card = new Card(video, this.navigate);
    this.cards.set(keyOf(video), card);
    return card;
  }

  _announce(arrived, next) {
    this.arrived = arrived;
    this.next = next;
    this.news.textContent = `Show ${count(arrived.length, "new video")}`;
    setShown(this.news, arrived.length > 0);
    setShown(this.more, Boolean(next));
  }

  _showArrived() {
    if (!this.arrived.length) return;
    this.list.querySelector(".message")?.remove();
    this.list.prepend(...this.arrived.map((video) => this._card(video).element));
    this._announce([], this.next);
  }

  _inFlight() {
    return this.anyInFlight || [...this.cards.values()].some((card) => card.inFlight);
  }

  _countShown() {
    return `${count(this.cards.size, "video")} shown`;
  }

  _nothing() {
    if (this.filters.active) return emptyBox("No video fits these filters.");
    return emptyBox("No videos yet. They appear here as soon as a DAG with a LemonData operator runs.");
  }
}
