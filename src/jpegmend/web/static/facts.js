// What the file says and what the restoration did, in words.
import { byId, fillFacts, make, toggle } from "./dom.js";
import { heatMap } from "./heat.js";
import { stateText } from "./list.js";

const COLOURS = { ycbcr: "YCbCr", rgb: "RGB", cmyk: "CMYK", ycck: "YCCK", gray: "gray" };

/** Show all that is known of a picture. */
export function show(picture) {
  byId("name").textContent = picture?.name ?? "";
  byId("state").textContent = picture?.state === "failed" ? inWords(picture.error.message) : picture ? stateText(picture) : "";
  toggle(byId("state"), "data-bad", picture?.state === "failed");
  showWarnings(picture);
  const failed = picture?.state === "failed";
  byId("done").dataset.empty = failed ? "Nothing." : "Nothing yet.";
  byId("facts").dataset.empty = failed ? "Nothing that can be read." : "Not read yet.";
  showDone(picture?.state === "done" ? picture : null);
  showFile(picture?.facts ?? null, picture?.file);
}

function showWarnings(picture) {
  const job = picture?.state === "done" ? picture.job : null;
  const told = job?.report.warnings ?? [];
  // Of all pages, the notes on the file are told again with the number of the page.
  const read = (picture?.facts?.warnings ?? []).filter((what) => !told.includes(`page 1: ${what}`));
  const found = new Set([...read, ...told]);
  for (const what of job?.not_kept ?? []) found.add(`Not kept: ${what}`);
  byId("warnings").replaceChildren(...[...found].map((text) => make("li", {}, sentence(inWords(text)))));
}

const WORDS = [
  ["give assume-quality= to restore it", "to restore it, choose its quality under Options"],
  ["pages= selects another", "choose another, or all, under Options"],
  ["leave pages= out", "choose the first under Options"],
];

/** A message of the service in the words of the page. */
const inWords = (text) => WORDS.reduce((said, [theirs, ours]) => said.replace(theirs, ours), text);

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function showDone(picture) {
  if (!picture) {
    byId("done").replaceChildren();
    return;
  }
  const { report, change } = picture.job;
  const assumed = picture.options["assume-quality"];
  const estimated = assumed ? `those of quality ${assumed}, as chosen` : "estimated from the picture";
  const tables = report.estimated ? estimated : report.quality ? "those of the file" : "";
  fillFacts(byId("done"), [
    ["Network", report.runtime ? `${report.model}, ${report.runtime}` : "none was run"],
    ["Tables used", report.runtime ? tables : ""],
    ["Passes", report.passes > 1 ? `the mean of ${report.passes}` : ""],
    ["Estimate", report.quality_by_network && `quality ${report.quality_by_network}, by the network`],
    ["Projection", report.runtime ? report.consistent_why : ""],
    ["Left as decoded", report.contradicted >= 0.0005 ? `${(100 * report.contradicted).toFixed(1)} % of the blocks` : ""],
    ["Mean change", `${change.mean.toFixed(2)} of 255`],
    ["Largest change", `${change.largest} of 255`],
    ["Missing", report.lost ? `${(100 * report.lost).toFixed(1)} % of the picture` : ""],
    ["Time", `${report.seconds.toFixed(1)} s, ${report.tiles} tile${report.tiles === 1 ? "" : "s"}`],
  ]);
}

function showFile(facts, file) {
  byId("tables").replaceChildren();
  if (!facts) {
    byId("facts").replaceChildren();
    return;
  }
  const sampled = facts.sampling && facts.colour !== "gray" ? `, ${facts.sampling}` : "";
  fillFacts(byId("facts"), [
    ["Format", [facts.coding, facts.format.toUpperCase().replace(" IN ", " in ")].filter(Boolean).join(" ")],
    ["Size", `${facts.width} × ${facts.height}, ${bytes(file.size)}`],
    ["Colour", `${COLOURS[facts.colour] ?? facts.colour}${sampled}`],
    ["Pages", facts.pages > 1 ? facts.pages : ""],
    [facts.format === "jpeg" ? "Scans" : "Strips or tiles", facts.scans > 1 ? facts.scans : ""],
    ["By its tables", facts.quality && `quality ${facts.quality}${facts.quality_exact ? "" : ", or near it"}`],
    ["By its pixels", facts.estimated_quality ? `quality about ${facts.estimated_quality}` : "cannot be estimated"],
    ["Compressed twice", facts.conflict],
    ...Object.entries(facts.metadata).map(([name, text]) => [sentence(name).replace("Icc", "ICC").replace("Exif", "EXIF").replace("Xmp", "XMP"), text]),
  ]);
  byId("tables").replaceChildren(...tables(facts).map(({ name, table }) => heatMap(name, table)));
}

/** The different quantisation tables with the components that use them. */
function tables({ components, colour }) {
  const names = { ycbcr: ["luma", "Cb", "Cr"], ycck: ["luma", "Cb", "Cr", "K"], rgb: ["R", "G", "B"], cmyk: ["C", "M", "Y", "K"], gray: ["gray"] }[colour] ?? [];
  const found = new Map();
  components.forEach(({ table, quality, exact }, index) => {
    const key = JSON.stringify(table);
    const entry = found.get(key) ?? { table, names: [], quality, exact };
    entry.names.push(names[index] ?? `component ${index + 1}`);
    found.set(key, entry);
  });
  return [...found.values()].map(({ table, names: users, quality, exact }) => ({
    table,
    name: `Table of ${users.join(" and ")}: ${exact ? "" : "near "}quality ${quality}`,
  }));
}

/** A number of bytes in words. */
export function bytes(count) {
  if (count < 1e6) return `${Math.max(1, Math.round(count / 1e3))} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}
