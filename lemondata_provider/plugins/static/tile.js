/** The tile on Airflow's home page: what is in flight, and today's videos and money. */

import { get } from "./api.js";
import { element, icon } from "./elements.js";
import { count, dollars } from "./formats.js";
import { link } from "./links.js";
import { keepFresh } from "./refresh.js";

const FILM = "M4 4h16a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zm6 4.8v6.4l5.2-3.2z";
const NOTHING = "–"; // until the first answer, so that nothing jumps

/** The tile in its shadow root; who may not see videos sees no tile either. */
export class Tile {
  /** Build the tile; `pagePath` is that of the page with all videos. */
  constructor(root, { navigate, pagePath }) {
    const figure = (part, text, query) => {
      const number = element("b", { class: "number", "data-part": part }, NOTHING);
      const target = link(text, pagePath + query, navigate);
      target.prepend(number);
      return [number, target];
    };
    const [inFlight, flying] = figure("in-flight", "in flight", "?state=in_flight");
    const [videos, made] = figure("videos", "videos today", "");
    const [settled, charged] = figure("settled", "settled today", "?spend=day");
    const [estimated, expected] = figure("estimated", "estimated today", "?spend=day");
    this.numbers = { inFlight, videos, settled, estimated };
    this.status = element("p", { class: "quiet", role: "status" });
    const head = element("h2", {}, icon(FILM), "Videos");
    const figures = element("div", { class: "numbers" }, flying, made, charged, expected);
    this.element = element("section", { class: "tile", "aria-label": "Videos" }, head, figures, this.status);
    root.append(this.element);
    this.request = new AbortController();
    this.fresh = keepFresh(() => this._refresh());
    this._refresh().then(
      (busy) => this.fresh.start(busy),
      () => {},
    );
  }

  /** Stop everything; the home page is left. */
  close() {
    this.fresh.stop();
    this.request.abort();
  }

  async _refresh() {
    try {
      const { in_flight: inFlight, today } = await get("summary", {}, this.request.signal);
      this.numbers.inFlight.textContent = String(inFlight);
      this.numbers.videos.textContent = String(today.videos);
      this.numbers.settled.textContent = dollars(today.settled);
      this.numbers.estimated.textContent = dollars(today.estimated);
      const unknown = today.cost_unknown;
      this.status.textContent = unknown
        ? `${count(unknown, "video")} of today ${unknown === 1 ? "has" : "have"} an unknown cost.`
        : "";
      return inFlight > 0;
    } catch (error) {
      if ([401, 403].includes(error.status)) this.element.hidden = true;
      else if (error.name !== "AbortError")
        this.status.textContent = "Airflow did not answer. Reload the page to try again.";
      throw error;
    }
  }
}
