/** The picture of a finished video, and its player: nothing of the video is fetched before the picture is clicked. */

import { mediaUrl, outsideUrl } from "./api.js";
import { element, icon, prose } from "./elements.js";
import { clock } from "./formats.js";

const PLAY = "M8 5v14l11-7z";

/** Return what is to be seen of a completed video: a button that becomes the player, or why there is none. */
export function player(video) {
  return video.media.video ? poster(video) : unavailable(video);
}

/** Return how a video is called where its prompt stands for it. */
export function titleOf(video) {
  return video.prompt || `${video.task_id} of ${video.dag_id}`;
}

function poster(video) {
  const picture = video.media.poster && element("img", { src: mediaUrl(video.media.poster), alt: "", loading: "lazy" });
  picture?.addEventListener("error", () => picture.remove()); // the plain tile is behind it
  const length = video.duration && element("span", { class: "length" }, clock(video.duration));
  const play = element("span", { class: "play" }, icon(PLAY));
  return element(
    "button",
    {
      type: "button",
      class: "poster",
      "data-part": "play",
      "aria-label": `Play: ${titleOf(video)}`,
      onclick: (event) => start(event.currentTarget, video),
    },
    picture,
    play,
    length,
  );
}

function start(button, video) {
  const screen = element("video", {
    src: mediaUrl(video.media.video),
    controls: true,
    autoplay: true,
    playsinline: true,
    tabindex: "0",
    "aria-label": titleOf(video),
    onerror: () => screen.replaceWith(broken(button)),
  });
  button.replaceWith(screen);
  screen.focus();
}

function broken(button) {
  const again = element(
    "button",
    { type: "button", class: "plain", onclick: () => notice.replaceWith(button) },
    "Back",
  );
  const notice = element(
    "div",
    { class: "notice", role: "alert" },
    element("strong", {}, "The video cannot be played."),
    element("p", {}, "Its file may have been moved or deleted, or this browser does not know its format."),
    again,
  );
  return notice;
}

function unavailable(video) {
  const href = outsideUrl(video.remote_url);
  return element(
    "div",
    { class: "notice" },
    element("p", {}, prose(video.media.why_not || "Airflow knows no file of this video.")),
    href && element("a", { href, target: "_blank", rel: "noopener noreferrer" }, "Open at LemonData"),
    href && element("p", { class: "quiet" }, "Until the link expires."),
  );
}
