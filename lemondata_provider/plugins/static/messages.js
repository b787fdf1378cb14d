/** What stands where videos would be: an error with its cure, emptiness, or room for what is being loaded. */

import { explain } from "./api.js";
import { element } from "./elements.js";

/** Return what happened and a button that may help. */
export function errorBox(error, retry) {
  const { what, advice, reload } = explain(error);
  const act = reload ? () => location.reload() : retry;
  return element(
    "div",
    { class: "message error", role: "alert" },
    element("strong", {}, what),
    element("p", {}, advice),
    element("button", { type: "button", onclick: act }, reload ? "Reload" : "Try again"),
  );
}

/** Return a quiet text for where nothing is. */
export function emptyBox(text) {
  return element("div", { class: "message" }, element("p", {}, text));
}

/** Return as many empty cards as are expected, so that nothing jumps when the real ones come. */
export function placeholders(number) {
  const card = () =>
    element(
      "div",
      { class: "card placeholder" },
      element("div", { class: "media" }),
      element("div", { class: "body" }),
    );
  return Array.from({ length: number }, card);
}
