// The picture before and after: which images are shown, the slider, the strength, the tools.
import { ask } from "./api.js";
import { byId } from "./dom.js";
import { Zoom } from "./zoom.js";

const LATE = 500; // milliseconds after which it is told that images are being loaded

const loads = new WeakMap(); // image: the last load into it

/** Load an image into an element, whole; false if another was asked for meanwhile, or the signal ends it. */
function load(image, address, signal) {
  if (image.dataset.address !== address) {
    image.dataset.address = address;
    const mine = {};
    loads.set(image, mine);
    mine.loaded = fill(image, address, signal, () => !signal.aborted && loads.get(image) === mine);
  }
  return loads.get(image).loaded; // perhaps still on its way
}

async function fill(image, address, signal, wanted) {
  try {
    const blob = await (await ask(address, { signal })).blob();
    if (!wanted()) return false;
    release(image);
    image.src = URL.createObjectURL(blob);
    await image.decode();
    return wanted();
  } catch (error) {
    if (!wanted()) return false;
    // It is asked for again next time, and the picture before it is not shown in its place.
    empty(image);
    throw error;
  }
}

function release(image) {
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
}

/** Remove what an element shows. */
function empty(image) {
  release(image);
  image.removeAttribute("src");
  image.toggleAttribute("data-shown", false);
  image.dataset.address = "";
}

export class Viewer {
  constructor() {
    this.stage = byId("stage");
    this.before = byId("before");
    this.after = byId("after");
    this.change = byId("change");
    this.picture = null;
    this.loading = new AbortController(); // of the images of the picture
    this.size = null;
    this.zoom = new Zoom(this.stage, [this.before, this.after, this.change], (zoom) => this.#tellZoom(zoom), (x) => this.#moveSplit(x));
    this.#listen();
  }

  #listen() {
    byId("split").addEventListener("input", ({ target }) => {
      this.stage.style.setProperty("--split", `${target.value}%`);
      target.setAttribute("aria-valuetext", `${Math.round(target.value)} % before`);
    });
    for (const radio of document.getElementsByName("mode")) {
      radio.addEventListener("change", () => {
        this.stage.dataset.mode = radio.value;
        this.show(this.picture); // the map of the change is loaded when it is looked at, and its job may be gone then
      });
    }
    byId("zoom-in").addEventListener("click", () => this.zoom.step(1));
    byId("zoom-out").addEventListener("click", () => this.zoom.step(-1));
    byId("zoom-fit").addEventListener("click", () => this.zoom.fit());
    byId("zoom-full").addEventListener("click", () => this.zoom.to(1));
  }

  /** Move the border between before and after to a place, in pixels from the left of the stage. */
  #moveSplit(x) {
    if (this.stage.dataset.mode !== "compare" || !this.stage.hasAttribute("data-ready")) return;
    byId("split").value = (100 * x) / this.stage.clientWidth;
    byId("split").dispatchEvent(new Event("input"));
  }

  #tellZoom(zoom) {
    byId("zoom-value").value = `${Math.round(zoom.scale * 100)} %`;
    byId("zoom-fit").setAttribute("aria-pressed", String(zoom.fitted));
  }

  /** Blend before and after: 0 is before, 1 after. */
  strength(share) {
    this.stage.style.setProperty("--strength", String(share));
  }

  /** Show a picture as far as it is known: its file at once, then before and after. */
  async show(picture) {
    const another = picture !== this.picture;
    this.picture = picture;
    if (another) this.#clear();
    if (!picture) return;
    this.#message(picture);
    try {
      if (picture.state === "done") await this.#showJob(picture, picture.job);
      else if (another) await this.#showFile(picture);
    } catch (error) {
      // A file that the browser cannot show has no picture until its result is there.
      if (this.picture !== picture || picture.state !== "done") return;
      this.stage.toggleAttribute("data-ready", [this.before, this.after].every((image) => image.hasAttribute("data-shown")));
      if (error.code === "no-such-job") await this.#again(picture);
      else this.#say(error.message);
    }
  }

  #clear() {
    // The service may remove the picture's files at any time.
    this.loading.abort();
    this.loading = new AbortController();
    for (const image of [this.before, this.after, this.change]) empty(image);
    this.size = null;
    this.stage.toggleAttribute("data-ready", false);
  }

  #message(picture) {
    const texts = { waiting: "Waiting", working: "Restoring", failed: picture.error?.title ?? picture.error?.message, done: "" };
    this.stage.dataset.state = picture.state;
    this.#say(texts[picture.state]);
  }

  #say(text) {
    if (byId("stage-message").textContent !== text) byId("stage-message").textContent = text;
  }

  async #showFile(picture) {
    if (!(await load(this.before, picture.url, this.loading.signal)) || this.picture !== picture) return;
    this.#fit(this.before.naturalWidth, this.before.naturalHeight);
    this.before.toggleAttribute("data-shown", true);
  }

  async #showJob(picture, job) {
    const { links, report } = job;
    const { signal } = this.loading;
    const late = setTimeout(() => this.picture === picture && this.#say("Loading"), LATE);
    const loaded = await Promise.all([load(this.before, links.decoded, signal), load(this.after, `${links.result}?format=png`, signal)]).finally(() => clearTimeout(late));
    if (!loaded.every(Boolean) || this.picture !== picture) return;
    this.#say("");
    this.#fit(report.width, report.height);
    this.before.toggleAttribute("data-shown", true);
    this.after.toggleAttribute("data-shown", true);
    this.stage.toggleAttribute("data-ready", true);
    byId("legend-end").textContent = `${job.change.shown} levels or more`;
    await this.#showChange();
  }

  async #showChange() {
    const { picture } = this;
    if (this.stage.dataset.mode !== "change" || picture?.state !== "done") return;
    if (await load(this.change, picture.job.links.change, this.loading.signal)) this.change.toggleAttribute("data-shown", true);
  }

  /** A result that the service keeps no longer is made again, once. */
  async #again(picture) {
    if (picture.repeated === picture.job) return;
    picture.repeated = picture.job;
    this.#clear();
    await picture.restore(picture.options, true);
  }

  /** Keep zoom and place where the size is the same, so that nothing jumps. */
  #fit(width, height) {
    if (this.size?.width === width && this.size?.height === height) return;
    this.size = { width, height };
    this.zoom.reset(width, height);
  }
}
