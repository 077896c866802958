// Options of the restoration. They hold for all pictures, and are used when asked for.
import * as api from "./api.js";
import { byId, make } from "./dom.js";

export class RestorationOptions {
  constructor(apply) {
    this.used = this.read();
    byId("options").addEventListener("input", () => this.#changed());
    byId("apply").addEventListener("click", () => {
      this.used = this.read();
      this.#changed();
      apply(this.used);
    });
  }

  /** Fill in the networks of the service. */
  async fill() {
    const models = await api.models();
    const label = ({ name, default: usual }) => (usual ? `${name} (default)` : name);
    byId("model").replaceChildren(...models.map((model) => make("option", { value: model.default ? "" : model.name, selected: model.default }, label(model))));
    this.models = models;
    this.#changed();
  }

  /** The options as the service reads them. */
  read() {
    return {
      model: byId("model").value,
      consistent: byId("consistent").value,
      "assume-quality": byId("assume-quality").value,
      thorough: byId("thorough").value,
      pages: byId("pages").value === "one" ? byId("page").value : byId("pages").value,
      earlier: byId("earlier").checked ? "" : "false",
      "keep-orientation": byId("keep-orientation").checked,
      strict: byId("strict").checked,
    };
  }

  #changed() {
    const same = api.queryOf(this.read()) === api.queryOf(this.used);
    byId("page-pair").hidden = byId("pages").value !== "one";
    const valid = ["assume-quality", ...(byId("page-pair").hidden ? [] : ["page"])].every((id) => byId(id).validity.valid);
    byId("apply").disabled = same || !valid;
    const { value } = byId("model");
    const model = this.models?.find(({ name, default: usual }) => (value ? name === value : usual));
    byId("model-note").textContent = model ? noteOn(model) : "";
  }
}

/** What stands below the list of networks: the chosen one's title, cost where it is known, and limits of its licence. */
function noteOn({ title, multiply_adds: cost, licence, non_commercial: limited }) {
  const parts = [title];
  if (cost) parts.push(`${Math.round(cost / 1e3)} k multiply-adds a pixel`);
  if (limited) parts.push(`licence ${licence}, for non-commercial use only`);
  return parts.join("; ");
}
