// The page: pictures go to the service, what comes back is shown.
import * as api from "./api.js";
import { byId, toggle } from "./dom.js";
import { Downloads } from "./download.js";
import * as facts from "./facts.js";
import { List } from "./list.js";
import { RestorationOptions } from "./options.js";
import { Pictures } from "./pictures.js";
import { listen } from "./sources.js";
import { Viewer } from "./viewer.js";

const pictures = new Pictures();
const viewer = new Viewer();
const options = new RestorationOptions((used) => {
  const first = pictures.selected;
  downloads.pages(used.pages);
  for (const picture of pictures.all) picture.restore(used, picture === first);
});
const strength = () => Number(byId("strength").value) / 100;
const downloads = new Downloads(pictures, strength);
new List(pictures);

function show(picture) {
  facts.show(picture);
  viewer.show(picture);
}

pictures.addEventListener("list", () => {
  toggle(document.body, "data-empty", !pictures.all.length);
  downloads.update();
});
pictures.addEventListener("select", ({ detail }) => {
  show(detail);
  downloads.update();
});
pictures.addEventListener("change", ({ detail }) => {
  if (detail === pictures.selected) show(detail);
  downloads.update();
});

byId("strength").addEventListener("input", () => {
  byId("strength-value").value = `${byId("strength").value} %`;
  viewer.strength(strength());
});

function add(files, unread = 0) {
  const what = unread === 1 ? "1 file or folder" : `${unread} files or folders`;
  byId("notice").textContent = unread ? `Left out, as not readable: ${what}. Check that you may open them, and drop them again.` : "";
  if (files.length) pictures.add(files, options.used);
}

listen(add, {
  files: byId("files"),
  folder: byId("folder"),
  buttons: document.querySelectorAll("[data-choose]"),
});

const here = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);
byId("bar-note").textContent = here ? "Pictures stay on this machine." : `Pictures are sent to ${location.hostname} and removed with this page.`;

// Results are removed with the page: ask first where there is work that would have to be done again.
window.addEventListener("beforeunload", (event) => {
  const busy = pictures.all.some(({ state }) => state === "waiting" || state === "working");
  const unsaved = pictures.all.filter(({ state, saved }) => state === "done" && !saved);
  if (busy || unsaved.length > 1) event.preventDefault();
});

window.addEventListener("pagehide", ({ persisted }) => {
  if (persisted) return;
  for (const { started } of pictures.all) for (const id of started) api.remove(id);
});

Promise.all([options.fill(), downloads.fill()]).catch((error) => {
  byId("start-title").textContent = error.message;
});
