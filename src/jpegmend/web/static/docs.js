// The OpenAPI document as a page.
import { byId, make } from "./dom.js";

/** The values of a schema in words. */
function values(schema = {}) {
  const parts = [];
  if (schema.anyOf) parts.push(schema.anyOf.map(values).join(" or "));
  else if (schema.const) parts.push(schema.const);
  else if (schema.enum) parts.push(schema.enum.join(", "));
  else if (schema.type) parts.push(schema.type);
  if (schema.minimum !== undefined && schema.maximum !== undefined) parts.push(`${schema.minimum} to ${schema.maximum}`);
  if (schema.default !== undefined) parts.push(`default ${schema.default}`);
  return parts.join(", ");
}

/** Text in which `words` between backticks are code. */
const rich = (text = "") => text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));

function operation(path, method, { summary, parameters = [], responses }, shared = []) {
  const row = (name, kind, text) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, kind), make("td", {}, ...rich(text)));
  const asked = [...shared, ...parameters].map((each) => row(each.name, values(each.schema), each.description ?? ""));
  const answers = Object.entries(responses).map(([status, { description }]) => row(status, "", description));
  return make(
    "section",
    { className: "operation" },
    make("h2", {}, make("span", { className: "method" }, method.toUpperCase()), path),
    make("p", {}, summary),
    make("table", {}, make("tbody", {}, ...asked, ...answers)),
  );
}

const { info, paths } = await (await fetch("openapi.json")).json();
byId("summary").append(...rich(info.description));
const METHODS = ["get", "post", "put", "delete"];
for (const [path, { parameters, ...operations }] of Object.entries(paths)) {
  for (const method of METHODS.filter((each) => operations[each])) {
    byId("operations").append(operation(path, method, operations[method], parameters));
  }
}
