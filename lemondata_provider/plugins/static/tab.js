/** The tab "Video" of one task instance: player, request and timeline. */

import { get } from "./api.js";
import { Card, figures } from "./card.js";
import { element } from "./elements.js";
import { clock, dollars, instant } from "./formats.js";
import { emptyBox, errorBox, placeholders } from "./messages.js";
import { keepFresh } from "./refresh.js";

const STEPS = {
  submitted: "Submitted",
  first_progress: "First progress",
  completed: "Completed",
  stored: "Downloaded",
};

/** The tab in its shadow root. */
export class Tab {
  /** Build the tab; Airflow leaves `{MAP_INDEX}` as it is for a task that is not mapped. */
  constructor(root, { navigate, dagId, runId, taskId, mapIndex }) {
    this.navigate = navigate;
    const number = /^-?\d+$/.test(mapIndex ?? "") ? mapIndex : "-1";
    this.query = { dag_id: dagId, run_id: runId, task_id: taskId, map_index: number };
    this.place = element("section", { class: "tab", "aria-label": "Video" });
    root.append(this.place);
    this.request = new AbortController();
    this.fresh = keepFresh(() => this._refresh());
    this.clock = setInterval(() => this.card?.tick(), 1000);
    this._load();
  }

  /** Stop everything; the tab is left. */
  close() {
    this.fresh.stop();
    clearInterval(this.clock);
    this.request.abort();
  }

  async _load() {
    this.place.replaceChildren(...placeholders(1));
    try {
      this.fresh.start(await this._refresh());
    } catch (error) {
      if (error.name !== "AbortError") this.place.replaceChildren(errorBox(error, () => this._load()));
    }
  }

  async _refresh() {
    const video = await this._ask();
    if (!video) {
      this.card = null;
      this.place.replaceChildren(emptyBox("No video. Task instances of LemonData's operators show theirs here."));
    } else if (!this.card) {
      this.card = new Card(video, this.navigate);
      this.details = element("div", { class: "details" }, details(video));
      this.place.replaceChildren(this.card.element, this.details);
    } else if (this.card.update(video)) this.details.replaceChildren(...details(video));
    return Boolean(this.card?.inFlight);
  }

  async _ask() {
    try {
      return await get("video", this.query, this.request.signal);
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }
}

function details(video) {
  const request = Object.entries(video.request).map(([name, value]) => [name, plain(value)]);
  return [
    section("Timeline", timeline(video)),
    section(
      "Video",
      pairs([["Task at LemonData", video.video_task], ...figures(video), ["Try", String(video.try_number)]]),
    ),
    request.length > 0 && section("Request", pairs(request)),
    video.earlier.length > 0 && section("Paid earlier by this task instance", earlier(video.earlier)),
  ].filter(Boolean);
}

function section(title, content) {
  return element("section", {}, element("h2", {}, title), content);
}

function pairs(entries) {
  const known = entries.filter(([, text]) => text);
  return element(
    "dl",
    {},
    known.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", { dir: "auto" }, text))),
  );
}

function timeline(video) {
  const known = Object.entries(STEPS).filter(([step]) => video.timeline[step]);
  if (!known.length) return element("p", { class: "quiet" }, "Nothing was submitted.");
  let before = null;
  const steps = known.map(([step, label]) => {
    const at = video.timeline[step];
    const later =
      before && element("span", { class: "quiet" }, `+${clock((Date.parse(at) - Date.parse(before)) / 1000)}`);
    before = at;
    return element("li", {}, element("b", {}, label), element("time", { datetime: at }, instant(at)), later);
  });
  return element("ol", { class: "timeline" }, steps);
}

function earlier(videos) {
  const one = ({ video_task: task, cost, at }) =>
    element("li", {}, element("code", {}, task), cost && ` ${dollars(cost)}`, at && ` on ${instant(at)}`);
  return element("ul", { class: "earlier" }, videos.map(one));
}

function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
