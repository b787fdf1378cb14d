/** The progress of a video in flight: a bar that the server's figures or the clock move on, redrawn in place. */

import { element } from "./elements.js";
import { clock } from "./formats.js";
import { titleOf } from "./player.js";

const MOST_ESTIMATED = 95; // percent: an estimate never says that the video is finished

/** A bar with what is known of it. */
export class ProgressBar {
  /** Make the bar of a video. */
  constructor(video) {
    this.status = element("span", { class: "status" });
    this.percent = element("span", { class: "percent" });
    this.bar = element("progress", { max: "100", "aria-label": `Progress: ${titleOf(video)}` });
    this.times = element("p", { class: "times" });
    const line = element("p", { class: "headline" }, this.status, this.percent);
    this.element = element("div", { class: "progress" }, line, this.bar, this.times);
    this.update(video);
  }

  /** Show newer figures of the server. */
  update(video) {
    this.video = video;
    this.received = performance.now();
    this.tick();
  }

  /** Let the clock go on between two answers. */
  tick() {
    const since = (performance.now() - this.received) / 1000;
    const age = this.video.age_seconds === null ? null : this.video.age_seconds + since;
    const rest = this.video.rest_seconds === null ? null : Math.max(0, this.video.rest_seconds - since);
    const percent = this.video.progress?.percent ?? null;
    const { value, text } = share(percent, age, rest);
    this.status.textContent = this.video.progress?.status || "submitted";
    this.percent.textContent = text;
    this.bar.toggleAttribute("data-unknown", value === null);
    if (value === null) this.bar.removeAttribute("value");
    else this.bar.value = value;
    const times = [age !== null && `${clock(age)} so far`, ahead(rest, percent !== null)];
    this.times.textContent = times.filter(Boolean).join(" · ");
  }
}

function share(percent, age, rest) {
  if (percent !== null) return { value: percent, text: `${Math.round(percent)} %` };
  if (age === null || rest === null) return { value: null, text: "" };
  const value = Math.min(MOST_ESTIMATED, (100 * age) / Math.max(age + rest, 1));
  return { value, text: `about ${Math.round(value)} %` };
}

function ahead(rest, percentKnown) {
  if (rest === null) return "";
  if (rest > 0) return `usually about ${clock(rest)} more`;
  return percentKnown ? "" : "longer than usual"; // the bar says more than the median
}
