/** The shadow root that a part of the page lives in: its own styles, and the theme of Airflow's page around it. */

const STYLES = new URL("page.css", import.meta.url).href;

/**
 * Show a part of the page below a host element, once its styles are there.
 *
 * `build(root)` returns an object with `close`; the returned function closes it.
 */
export function showIn(host, build) {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const styles = document.createElement("link");
  Object.assign(styles, { rel: "stylesheet", href: STYLES });
  host.lang = "en";
  let [part, closed] = [null, false];
  const show = () => {
    if (!closed) part ??= build(root);
  };
  styles.onload = styles.onerror = show; // without styles it can still be read
  root.replaceChildren(styles);
  const theme = followTheme(host);
  return () => {
    closed = true;
    theme.disconnect();
    part?.close();
    root.replaceChildren();
  };
}

function followTheme(host) {
  const page = document.documentElement;
  const copy = () => {
    host.dataset.theme = page.classList.contains("dark") ? "dark" : "light";
    host.dir = page.dir || "ltr";
  };
  const observer = new MutationObserver(copy);
  observer.observe(page, { attributes: true, attributeFilter: ["class", "dir"] });
  copy();
  return observer;
}
