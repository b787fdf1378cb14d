/**
 * What Airflow loads: three React components, each a mere host of a part of the page that knows nothing of React.
 *
 * Airflow imports this module once and looks each component up in globalThis, by the name of its entry in the plugin's
 * `react_apps`. Of React and its router only what is named here is used.
 */

import { Gallery } from "./gallery.js";
import { showIn } from "./surface.js";
import { Tab } from "./tab.js";
import { Tile } from "./tile.js";

const { createElement, useEffect, useRef } = globalThis.React;
const { useLocation, useNavigate } = globalThis.ReactRouterDOM;
const PAGE_PATH = "/plugin/videos";

function component(Part) {
  return function LemonData({ dagId, runId, taskId, mapIndex }) {
    const [host, part] = [useRef(null), useRef(null)];
    const [navigate, { pathname, search }] = [useNavigate(), useLocation()];
    const router = useRef(null);
    router.current = navigate; // the newest, wherever it is called
    useEffect(() => {
      const place = { dagId, runId, taskId, mapIndex, pathname, search, pagePath: PAGE_PATH };
      const go = (...to) => router.current(...to);
      return showIn(host.current, (root) => (part.current = new Part(root, { ...place, navigate: go })));
    }, [dagId, runId, taskId, mapIndex]);
    useEffect(() => part.current?.show?.(search), [search]);
    return createElement("div", { ref: host, style: { minHeight: 0 } });
  };
}

Object.assign(globalThis, { Videos: component(Gallery), Video: component(Tab), LemonDataTile: component(Tile) });
