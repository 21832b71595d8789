// Elements, made and changed in place. Text goes in as text, never as markup: names and configs are other people's.

const SVG = "http://www.w3.org/2000/svg";

/** Our name for a class: a notebook's page has style sheets of its own, for `row`, `label` and the like. */
function ours(word) {
  return word.startsWith("mh-") ? word : `mh-${word}`;
}

function finish(node, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (name === "class") node.setAttribute("class", value.split(" ").filter(Boolean).map(ours).join(" "));
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** An HTML element with attributes (`onclick` and the like are listeners) and children (nodes or text). */
export function make(tag, given = {}, ...children) {
  return finish(document.createElement(tag), given, children);
}

/** The same for a piece of a drawing. */
export function draw(tag, given = {}, ...children) {
  return finish(document.createElementNS(SVG, tag), given, children);
}

/** Let `node` say `text`, and touch the page only if it says something else now. */
export function write(node, text) {
  if (node.said === text) return;
  node.said = text;
  node.textContent = text;
}

/** Give `node` an attribute, and touch the page only if that changes something. `false` takes it away. */
export function put(node, name, value) {
  const known = (node.put ??= {});
  if (known[name] === value) return;
  known[name] = value;
  if (value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

/** Give `node` one property of its style, in a way that pages with strict rules for styles allow. */
export function shape(node, name, value) {
  const known = (node.shaped ??= {});
  if (known[name] === value) return;
  known[name] = value;
  node.style.setProperty(name, value);
}

let counted = 0;

/** An id that no other element of the page has; a second panel has its own. */
export function freshId(word) {
  counted += 1;
  return `mh-${word}-${counted}-${Math.random().toString(36).slice(2, 7)}`;
}

/** A section with a heading that names it. */
export function section(name, title, ...children) {
  const id = freshId(name);
  const heading = make("h3", { id, class: "label" }, title);
  return { heading, node: make("section", { class: name, "aria-labelledby": id }, heading, ...children) };
}
