// Small helpers for the page's elements. No markup is ever made from text.

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** A new element with properties, attributes (`data-x`, `aria-x`) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Fill a `<dl>` with pairs of a name and a text; pairs without a text are left out. */
export function fillFacts(list, pairs) {
  const shown = pairs.filter(([, text]) => text !== null && text !== undefined && text !== "");
  list.replaceChildren(...shown.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, String(text))]));
}

/** Whether an attribute without a value is there. */
export const toggle = (element, name, on) => element.toggleAttribute(name, Boolean(on));
