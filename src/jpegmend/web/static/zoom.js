// Zoom and pan of the stage: one transformation for every layer, by wheel, pinch, drag, keys and buttons.

const STEPS = [0.125, 0.25, 0.5, 1, 2, 4, 8];
const MOST = 8;
const SHARP = 2; // from here a pixel of the picture is drawn as a square
const STILL = 5; // pixels of the screen up to which a pointer that is held down has not been dragged

export class Zoom {
  #fitted = true;
  #pointers = new Map();
  #place = { scale: 1, x: 0, y: 0 };

  /** `tell` is called at each change; `drag`, with a place from the left, where a fitted picture is dragged. */
  constructor(stage, images, tell, drag) {
    this.stage = stage;
    this.images = images;
    this.tell = tell;
    this.drag = drag;
    this.size = { width: 0, height: 0 };
    this.frame = 0;
    new ResizeObserver(() => this.#resized()).observe(stage);
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.#up(event));
    stage.addEventListener("dblclick", (event) => this.#double(event));
    stage.addEventListener("keydown", (event) => this.#key(event));
  }

  get scale() {
    return this.#place.scale;
  }

  /** Whether the whole picture is fitted into the stage. */
  get fitted() {
    return this.#fitted;
  }

  /** Begin with a picture of another size. */
  reset(width, height) {
    this.size = { width, height };
    for (const image of this.images) {
      image.style.width = `${width}px`;
      image.style.height = `${height}px`;
    }
    this.fit();
  }

  fit() {
    this.#fitted = true;
    const scale = this.#fitScale();
    this.#apply({ scale, x: 0, y: 0 });
  }

  /** Zoom to a scale, about a point of the stage, by default its middle. */
  to(scale, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const { scale: before, x: left, y: top } = this.#place;
    const next = Math.min(MOST, Math.max(Math.min(this.#fitScale(), STEPS[0]), scale));
    this.#fitted = false;
    this.#apply({ scale: next, x: x - ((x - left) * next) / before, y: y - ((y - top) * next) / before });
  }

  /** The next step in (1) or out (-1); out of the smallest step is the fitted picture. */
  step(direction) {
    const fit = this.#fitScale();
    const steps = [...STEPS.filter((step) => step > fit * 1.001), fit].sort((one, other) => one - other);
    const next = direction > 0 ? steps.find((step) => step > this.scale * 1.001) : steps.findLast((step) => step < this.scale * 0.999);
    if (next === undefined) return;
    if (next === fit) this.fit();
    else this.to(next);
  }

  pan(x, y) {
    if (this.#fitted) return;
    this.#apply({ ...this.#place, x: this.#place.x + x, y: this.#place.y + y });
  }

  #fitScale() {
    const { width, height } = this.size;
    if (!width || !height) return 1;
    return Math.min(1, this.stage.clientWidth / width, this.stage.clientHeight / height);
  }

  /** Keep the picture in the stage: centred where it is smaller, without a gap at an edge where it is larger. */
  #apply({ scale, x, y }) {
    const keep = (place, length, room) => (length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, place)));
    this.#place = {
      scale,
      x: keep(x, this.size.width * scale, this.stage.clientWidth),
      y: keep(y, this.size.height * scale, this.stage.clientHeight),
    };
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#draw());
    this.tell(this);
  }

  #draw() {
    const { scale, x, y } = this.#place;
    for (const image of this.images) image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.stage.toggleAttribute("data-sharp", scale >= SHARP);
    this.stage.toggleAttribute("data-fitted", this.#fitted);
  }

  #resized() {
    if (this.#fitted) this.fit();
    else this.#apply(this.#place);
  }

  #point(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #wheel(event) {
    event.preventDefault();
    const { x, y } = this.#point(event);
    this.to(this.scale * Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) / 300), x, y);
  }

  #down(event) {
    if (event.target.closest("input") || event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    const point = this.#point(event);
    this.#pointers.set(event.pointerId, { ...point, from: point.x });
    this.stage.toggleAttribute("data-panning", true);
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = { ...this.#point(event), from: before.from };
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else if (!this.#fitted) this.pan(now.x - before.x, now.y - before.y);
    else if (Math.abs(now.x - now.from) > STILL) {
      this.drag(now.x);
      now.from = Infinity;
    }
    this.#pointers.set(event.pointerId, now);
  }

  #pinch(id, before, now) {
    const [, other] = [...this.#pointers].find(([each]) => each !== id);
    const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    this.to((this.scale * distance(now)) / distance(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
    if (!this.#pointers.size) this.stage.toggleAttribute("data-panning", false);
  }

  #double(event) {
    if (event.target.closest("input")) return;
    const { x, y } = this.#point(event);
    if (this.#fitted) this.to(this.scale < 1 ? 1 : SHARP, x, y);
    else this.fit();
  }

  #key(event) {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = 60;
    const acts = {
      ArrowLeft: () => this.pan(far, 0),
      ArrowRight: () => this.pan(-far, 0),
      ArrowUp: () => this.pan(0, far),
      ArrowDown: () => this.pan(0, -far),
      "+": () => this.step(1),
      "=": () => this.step(1),
      "-": () => this.step(-1),
      0: () => this.fit(),
      1: () => this.to(1),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}
