/** One video of the page: its picture, progress or failure, and what is known of it. */

import { element, prose } from "./elements.js";
import { bytes, dollars, instant, seconds } from "./formats.js";
import { whereabouts } from "./links.js";
import { player, titleOf } from "./player.js";
import { ProgressBar } from "./progress.js";

/** The states in the page's words. */
export const STATES = {
  in_flight: "In flight",
  submitted: "Submitted",
  completed: "Completed",
  failed: "Failed",
  unknown: "Unknown",
};

/** Return what tells one task instance from all others. */
export function keyOf(video) {
  return JSON.stringify([video.dag_id, video.run_id, video.task_id, video.map_index]);
}

/** A card that is redrawn only if its video changed, and whose player goes on if its file did not change. */
export class Card {
  /** Make the card of a video; `navigate` is the router's. */
  constructor(video, navigate) {
    this.navigate = navigate;
    this.element = element("article", { class: "card" });
    this._draw(video);
  }

  /** Tell whether the video is being made. */
  get inFlight() {
    return this.video.state === "in_flight";
  }

  /** Show a newer answer of the server; returns whether the card was redrawn. */
  update(video) {
    const changed = signature(video) !== signature(this.video);
    if (changed) this._draw(video);
    else this.progress?.update(video);
    this.video = video;
    return changed;
  }

  /** Let the clock of a video in flight go on. */
  tick() {
    this.progress?.tick();
  }

  _draw(video) {
    const root = this.element.getRootNode();
    const focused = this.element.contains(root.activeElement) ? root.activeElement.dataset.part : null;
    const screen = this.video?.media.video === video.media.video ? this.element.querySelector("video") : null;
    this.video = video;
    this.progress = this.inFlight ? new ProgressBar(video) : null;
    this.element.dataset.state = video.state;
    this.element.setAttribute("aria-label", `${STATES[video.state]}: ${titleOf(video)}`);
    const body = element(
      "div",
      { class: "body" },
      header(video),
      prompt(video),
      whereabouts(video, this.navigate),
      facts(video),
    );
    // A player that is moved would stop, so only what stands below it is replaced.
    if (screen) this.element.querySelector(".body").replaceWith(body);
    else this.element.replaceChildren(element("div", { class: "media" }, this._media(video)), body);
    if (focused) this.element.querySelector(`[data-part="${focused}"]`)?.focus();
  }

  _media(video) {
    if (this.progress) return this.progress.element;
    if (video.state === "completed") return player(video);
    if (video.state === "submitted") return waiting();
    return failure(video);
  }
}

/** Return state, time and cost of a video in one line. */
function header(video) {
  const time = video.created && element("time", { datetime: video.created }, instant(video.created));
  return element("p", { class: "line" }, element("span", { class: "badge" }, STATES[video.state]), time, cost(video));
}

/** Return why there is no video, and what can be done about it. */
function failure(video) {
  const { code, message, hint, request_id: requestId } = video.error ?? {};
  const retry = video.state === "failed" && video.task_state === "up_for_retry";
  return element(
    "div",
    { class: "failure" },
    element(
      "strong",
      {},
      message || (video.state === "failed" ? "The video failed." : "It is not known whether there is a video."),
    ),
    hint && element("p", {}, hint),
    video.repair && element("p", { class: "repair" }, element("b", {}, "What to do: "), prose(video.repair)),
    retry && element("p", {}, "Airflow tries again."),
    code && element("p", { class: "ids" }, "Code ", element("code", {}, code)),
    requestId && element("p", { class: "ids" }, "Request ", element("code", {}, requestId)),
  );
}

/** Return the figures of a video that are known, as pairs of name and text. */
export function figures(video) {
  return [
    ["Model", video.model],
    ["Operation", video.operation],
    ["Duration", video.duration && seconds(video.duration)],
    ["Dimensions", video.width && video.height && `${video.width} × ${video.height}`],
    ["Size", video.size && bytes(video.size)],
  ].filter(([, text]) => text);
}

function cost(video) {
  const { settled, estimated } = video.cost;
  if (video.skipped) return element("span", { class: "cost" }, "stored before, nothing paid");
  if (settled === null && estimated === null) return null;
  const kind = settled === null ? "estimated" : "settled";
  return element("span", { class: "cost" }, element("b", {}, dollars(settled ?? estimated)), ` ${kind}`);
}

function prompt(video) {
  if (!video.prompt) return element("p", { class: "prompt quiet" }, "No prompt recorded");
  return element("p", { class: "prompt", dir: "auto", title: video.prompt }, video.prompt);
}

function facts(video) {
  const fact = ([name, text]) => element("span", { title: name }, element("bdi", { dir: "ltr" }, text));
  return element("p", { class: "facts" }, figures(video).map(fact));
}

function waiting() {
  return element(
    "div",
    { class: "notice" },
    element("p", {}, "Submitted. Another task instance waits for this video."),
  );
}

function signature(video) {
  return JSON.stringify({ ...video, age_seconds: null, rest_seconds: null, progress: null });
}
