// The pictures of the page: their files, their jobs, and the queue by which they are sent.
import * as api from "./api.js";

const LEAST = 2; // functions that may run at once
// Each job holds a connection for its events, and browsers open six to a host by HTTP/1.1: two are for images and files.
const MOST = 4;
const EMPTY = { code: "empty-file", title: "The file is empty", detail: "it holds no picture; choose another" };
const REMOVED = new Error("The picture was removed");

/** Runs asynchronous functions in order, urgent ones first: so many at once that the service has little to wait for. */
class Queue {
  #waiting = [];
  #running = 0;
  #most = LEAST;

  /** Run a function in its turn; one that still waits when the signal ends it is not run. */
  run(work, { urgent = false, signal = null } = {}) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const entry = () => work().then(resolve, reject);
      if (urgent) this.#waiting.unshift(entry);
      else this.#waiting.push(entry);
      signal?.addEventListener("abort", () => {
        const place = this.#waiting.indexOf(entry);
        if (place >= 0) this.#waiting.splice(place, 1);
        if (place >= 0) reject(signal.reason);
      });
      this.#next();
    });
  }

  /** Learn from a job that was begun now: another one may, where none waits before it in the service. */
  learn({ queued_before: before = 0 }) {
    this.#most = before ? Math.max(LEAST, this.#running - 1) : Math.min(MOST, this.#running + 1);
    this.#next();
  }

  #next() {
    if (this.#running >= this.#most || !this.#waiting.length) return;
    this.#running += 1;
    const entry = this.#waiting.shift();
    entry().finally(() => {
      this.#running -= 1;
      this.#next();
    });
  }
}

const queue = new Queue();

/** One picture. It sends `change` events to its `Pictures`. */
export class Picture {
  constructor(file, owner) {
    this.file = file;
    this.name = file.name || "pasted.png";
    this.url = URL.createObjectURL(file);
    this.state = "waiting"; // working, done, failed
    this.progress = 0;
    this.error = null;
    this.job = null; // the job whose result is shown
    this.options = null; // its options
    this.facts = null; // what the file says
    this.removed = false;
    this.owner = owner;
    this.jobs = new Map(); // query of options: promise of a job
    this.started = new Set(); // ids of its jobs
    this.showing = new AbortController(); // of the work on the result for show
    this.working = new Set(); // controllers of all its work
    this.saved = false; // whether its result was downloaded
  }

  #set(changes) {
    Object.assign(this, changes);
    if (!this.removed) this.owner.tell(this);
  }

  /** Restore it for show, with options of the page. */
  async restore(options, urgent = false) {
    this.options = options;
    if (!this.file.size) {
      this.#set({ state: "failed", error: new api.ServiceError(EMPTY) });
      return;
    }
    this.#set({ state: "waiting", progress: 0, error: null });
    this.showing.abort(new Error("Other options were chosen"));
    const mine = (this.showing = new AbortController());
    try {
      const tell = (at) => this.#set({ state: at.state === "queued" ? "waiting" : "working", progress: share(at), tiles: at.progress?.total ?? 0 });
      const job = await this.ensure({ ...options, compare: true }, urgent, (at) => this.showing === mine && tell(at), mine);
      if (this.showing === mine) this.#set({ job, state: "done", progress: 1, saved: false });
      this.owner.keep(job.kept_seconds);
    } catch (error) {
      if (this.showing === mine) this.#set({ state: "failed", error });
    }
  }

  /** A job that is done, with these options: one that is still kept, or a new one, which the controller can end. */
  async ensure(options, urgent, tell = () => {}, control = new AbortController()) {
    const key = api.queryOf(options);
    for (let known; (known = this.jobs.get(key)); ) {
      const job = await known.catch(() => null);
      if (job && (await api.isKept(job.id))) return job;
      if (this.jobs.get(key) === known) this.jobs.delete(key);
    }
    const { signal } = control;
    if (this.removed) control.abort(REMOVED);
    this.working.add(control);
    const made = queue.run(() => this.#begin(options, tell, signal), { urgent, signal }).finally(() => this.working.delete(control));
    this.jobs.set(key, made);
    return made;
  }

  async #begin(options, tell, signal) {
    const job = await api.begin(this.file, { ...options, name: this.name }, signal);
    this.started.add(job.id);
    queue.learn(job);
    try {
      return await api.follow(job.id, tell, signal);
    } catch (error) {
      // Nobody waits for it any more, while it takes the place of others.
      if (signal.aborted && this.started.delete(job.id)) api.remove(job.id);
      throw error;
    }
  }

  /** Ask once what the file says. */
  async inspect() {
    if (this.state === "failed" || !this.file.size) return;
    this.asked ??= queue.run(() => api.inspect(this.file), { urgent: true });
    const facts = await this.asked.catch(() => null);
    if (facts && !this.facts) this.#set({ facts });
  }

  remove() {
    this.removed = true;
    URL.revokeObjectURL(this.url);
    for (const id of this.started) api.remove(id);
    this.started.clear();
    for (const control of this.working) control.abort(REMOVED);
  }
}

const share = ({ progress }) => (progress ? progress.done / progress.total : 0);

/** All pictures, and the one that is shown. Events: `list`, `select`, `change` (detail: the picture). */
export class Pictures extends EventTarget {
  all = [];
  selected = null;
  #keeper = 0;

  add(files, options) {
    const added = files.map((file) => new Picture(file, this));
    this.all.push(...added);
    this.#send("list");
    if (!this.selected && added.length) this.select(added[0]);
    for (const picture of added) picture.restore(options);
  }

  select(picture) {
    this.selected = picture;
    this.#send("select", picture);
    picture?.inspect();
  }

  remove(picture) {
    const place = this.all.indexOf(picture);
    this.all.splice(place, 1);
    picture.remove();
    this.#send("list");
    if (this.selected === picture) this.select(this.all[Math.min(place, this.all.length - 1)] ?? null);
  }

  removeAll() {
    for (const picture of this.all.splice(0)) picture.remove();
    this.#send("list");
    this.select(null);
  }

  /** Read every job now and then, as the service removes those that were not read for so many seconds. */
  keep(seconds) {
    this.#keeper ||= setInterval(() => this.#read(), Math.max(1, seconds / 3) * 1000);
  }

  async #read() {
    for (const { started } of [...this.all]) {
      for (const id of started) if (!(await api.isKept(id).catch(() => true))) started.delete(id);
    }
  }

  tell(picture) {
    this.#send("change", picture);
  }

  #send(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
