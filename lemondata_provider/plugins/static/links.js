/** Links to Airflow's own pages that go through its router, so that the page is not loaded again. */

import { AIRFLOW } from "./api.js";
import { element } from "./elements.js";

/** Return the path of the page of a video's task instance, as Airflow's router knows it. */
export function taskPath(video) {
  const mapped = video.map_index >= 0 ? `/mapped/${video.map_index}` : "";
  return `${runPath(video)}/tasks/${encodeURIComponent(video.task_id)}${mapped}`;
}

/** Return the three links DAG, run and task of a video. */
export function whereabouts(video, navigate) {
  const task = video.map_index >= 0 ? `${video.task_id} [${video.map_index}]` : video.task_id;
  const dag = link(video.dag_id, `/dags/${encodeURIComponent(video.dag_id)}`, navigate, "dag");
  const run = link(video.run_id, runPath(video), navigate, "run");
  const last = link(task, taskPath(video), navigate, "task");
  const lines = [
    [dag, separator()],
    [run, separator(), last],
  ]; // a run's id needs the room of a line
  return element(
    "p",
    { class: "where" },
    lines.map((line) => element("span", {}, line)),
  );
}

/** Return a link that goes through Airflow's router; with Ctrl and the like it stays an ordinary link. */
export function link(text, path, navigate, part = undefined) {
  const href = AIRFLOW.replace(/\/$/, "") + path;
  const onclick = (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(path);
  };
  return element("a", { href, onclick, title: text, "data-part": part }, element("bdi", {}, text));
}

function runPath(video) {
  return `/dags/${encodeURIComponent(video.dag_id)}/runs/${encodeURIComponent(video.run_id)}`;
}

function separator() {
  return element("span", { "aria-hidden": "true" }, "›");
}
