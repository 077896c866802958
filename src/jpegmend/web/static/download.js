// Downloads: one picture in any format, or all as one ZIP file.
import * as api from "./api.js";
import { byId, make, toggle } from "./dom.js";

const MOST = 2000; // pictures of one ZIP file, as the service allows
const LOSSY = ["webp", "jpeg", "avif", "jxl"];

/** The form of a result that is chosen, as the service reads it, and the bits it needs of the restoration. */
function chosen() {
  const [format, bits = ""] = byId("format").value.split("-");
  const quality = LOSSY.includes(format) ? byId("quality").value : "";
  return { form: { format, quality, strip: byId("strip").value }, bits };
}

const formatOf = (option) => option.value.split("-")[0];

/** Save bytes under a name. */
function save(address, name) {
  const link = make("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
}

const nameIn = (response) => {
  const found = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") ?? "");
  return found ? decodeURIComponent(found[1]) : "restored";
};

export class Downloads {
  constructor(pictures, strength) {
    this.pictures = pictures;
    this.strength = strength; // gives 0..1
    byId("format").addEventListener("change", () => this.#changed());
    byId("download").addEventListener("click", () => this.#run(() => this.#one()));
    byId("download-all").addEventListener("click", () => this.#run(() => this.#all()));
    this.busy = false;
    this.update();
  }

  /** Offer the formats that the service can write. */
  async fill() {
    const names = await api.formats();
    for (const option of [...byId("format").options]) if (!names.includes(formatOf(option))) option.remove();
  }

  /** All pages of a file go into a TIFF. */
  pages(pages) {
    const select = byId("format");
    for (const option of select.options) option.disabled = pages === "all" && formatOf(option) !== "tiff";
    if (select.selectedOptions[0].disabled) select.value = "tiff";
    this.#changed();
  }

  /** Enable what is possible now. */
  update() {
    const { selected, all } = this.pictures;
    const done = all.filter(({ state }) => state === "done");
    byId("download").disabled = this.busy || selected?.state !== "done";
    byId("download-all").disabled = this.busy || done.length < 2;
    const text = done.length < 2 ? "Download all as ZIP" : `Download ${done.length} as ZIP`;
    if (byId("download-all").textContent !== text) byId("download-all").textContent = text;
  }

  #changed() {
    const [format] = byId("format").value.split("-");
    byId("quality-pair").hidden = !LOSSY.includes(format);
  }

  #say(text, bad = false) {
    byId("download-state").textContent = text;
    toggle(byId("download-state"), "data-bad", bad);
  }

  async #run(work) {
    if (!byId("quality").validity.valid) {
      this.#say("The quality goes from 1 to 100.", true);
      return;
    }
    this.busy = true;
    this.update();
    try {
      await work();
    } catch (error) {
      this.#say(error.message, true);
    } finally {
      this.busy = false;
      this.update();
    }
  }

  /** The job of a picture with the chosen strength and bits: the one that is shown where they are the usual ones. */
  #job(picture, bits, tell) {
    const strength = this.strength();
    if (strength === 1 && !bits) return picture.ensure({ ...picture.options, compare: true }, true, tell);
    return picture.ensure({ ...picture.options, bits, strength: strength === 1 ? "" : strength }, true, tell);
  }

  async #one() {
    const { form, bits } = chosen();
    this.#say("Preparing the file");
    const picture = this.pictures.selected;
    const job = await this.#job(picture, bits, () => {});
    const response = await api.ask(`v1/jobs/${job.id}/result?${api.queryOf(form)}`);
    const name = nameIn(response);
    const address = URL.createObjectURL(await response.blob());
    save(address, name);
    picture.saved = true;
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    this.#say(`Saved as ${name}`);
  }

  async #all() {
    const { form, bits } = chosen();
    const done = this.pictures.all.filter(({ state }) => state === "done");
    if (done.length > MOST) throw new Error(`One ZIP holds ${MOST} pictures; remove some, or use the command.`);
    let ready = 0;
    this.#say(`Preparing 0 of ${done.length}`);
    const jobs = await Promise.all(
      done.map(async (picture) => {
        const job = await this.#job(picture, bits, () => {});
        ready += 1;
        this.#say(`Preparing ${ready} of ${done.length}`);
        return job.id;
      }),
    );
    const query = jobs.map((id) => `job=${id}`).join("&");
    save(`v1/archive?${query}&${api.queryOf(form)}`, "restored.zip");
    for (const picture of done) picture.saved = true;
    this.#say(`${jobs.length} pictures are being saved as restored.zip`);
  }
}
