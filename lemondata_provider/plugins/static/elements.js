/** Elements of the page. All text becomes text nodes, so that a prompt with HTML in it shows as it was written. */

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element; `onclick` and the like take functions, `false` and null leave an attribute out. */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Return a picture of 24 by 24 units that consists of one path; it says nothing to a screen reader. */
export function icon(path) {
  const attributes = { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" };
  const line = fill(document.createElementNS(SVG, "path"), { d: path }, []);
  return fill(document.createElementNS(SVG, "svg"), attributes, [line]);
}

/** Return the parts of one of our own sentences, in which `…` stands for code. */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

/** Show an element or not, without giving its place away. */
export function setShown(node, shown) {
  node.style.visibility = shown ? "visible" : "hidden";
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}
