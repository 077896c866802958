// The list of pictures with their states.
import { byId, make } from "./dom.js";

const percent = (share) => `${Math.round(100 * share)} %`;

/** A few words on the state of a picture. */
export function stateText(picture) {
  if (picture.state === "waiting") return "Waiting";
  if (picture.state === "working") return picture.tiles > 1 ? `Restoring, ${percent(picture.progress)}` : "Restoring";
  if (picture.state === "failed") return picture.error.title ?? picture.error.message;
  const { report } = picture.job;
  if (report.lost) return `Done, ${percent(report.lost)} is missing`;
  return report.runtime ? `Done in ${report.seconds.toFixed(1)} s` : "Nothing to restore";
}

/** Show the decoded picture of a file that the browser cannot show. */
function showDecoded(thumb, { state, job }) {
  if (!thumb.hasAttribute("data-none") || state !== "done" || thumb.dataset.job === job.id) return;
  thumb.dataset.job = job.id;
  thumb.src = job.links.decoded;
}

export class List {
  #items = new Map();

  constructor(pictures) {
    this.pictures = pictures;
    this.root = byId("list");
    pictures.addEventListener("list", () => this.#draw());
    pictures.addEventListener("select", () => this.#mark());
    pictures.addEventListener("change", ({ detail }) => this.#update(detail));
    byId("remove-all").addEventListener("click", () => pictures.removeAll());
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  #draw() {
    const { all } = this.pictures;
    for (const [picture, item] of this.#items) {
      if (all.includes(picture)) continue;
      item.remove();
      this.#items.delete(picture);
    }
    for (const picture of all) {
      if (this.#items.has(picture)) continue;
      this.#items.set(picture, this.#make(picture));
      this.root.append(this.#items.get(picture));
      this.#update(picture);
    }
    this.#count();
  }

  #make(picture) {
    const thumb = make("img", { className: "item-thumb", src: picture.url, alt: "", loading: "lazy", decoding: "async" });
    thumb.addEventListener("error", () => {
      thumb.toggleAttribute("data-none", true);
      thumb.src = "static/missing.svg";
      showDecoded(thumb, picture);
    });
    const text = make("span", {}, make("span", { className: "item-name" }, picture.name), make("span", { className: "item-state" }));
    const open = make("button", { type: "button", className: "item-open", title: picture.file.webkitRelativePath || picture.name }, thumb, text);
    open.addEventListener("click", () => this.pictures.select(picture));
    const remove = make("button", { type: "button", className: "item-remove", "aria-label": `Remove ${picture.name}` }, "×");
    remove.addEventListener("click", () => this.pictures.remove(picture));
    const bar = make("progress", { max: 1, "aria-label": `Progress of ${picture.name}` });
    return make("li", { className: "item" }, open, remove, bar);
  }

  #update(picture) {
    const item = this.#items.get(picture);
    if (!item) return;
    item.dataset.state = picture.state;
    item.toggleAttribute("data-lost", picture.state === "done" && picture.job.report.lost > 0);
    item.querySelector(".item-state").textContent = stateText(picture);
    const bar = item.querySelector("progress");
    if (picture.tiles > 1) bar.value = picture.progress;
    else bar.removeAttribute("value");
    showDecoded(item.querySelector("img"), picture);
    this.#count();
  }

  #mark() {
    for (const [picture, item] of this.#items) item.setAttribute("aria-current", String(picture === this.pictures.selected));
    this.#items.get(this.pictures.selected)?.scrollIntoView({ block: "nearest" });
  }

  #count() {
    const { all } = this.pictures;
    const number = (state) => all.filter((picture) => picture.state === state).length;
    const failed = number("failed") ? `, ${number("failed")} failed` : "";
    const text = `${number("done")} of ${all.length} done${failed}`;
    if (byId("list-count").textContent !== text) byId("list-count").textContent = text;
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches(".item-open")) return;
    event.preventDefault();
    const buttons = [...this.root.querySelectorAll(".item-open")];
    buttons[buttons.indexOf(event.target) + step]?.focus();
  }
}
