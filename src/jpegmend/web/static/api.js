// The HTTP interface of the service.

/** An answer of the service that is a problem (RFC 9457). */
export class ServiceError extends Error {
  constructor(problem, retryAfter = 0) {
    super(problem.detail ? `${problem.title}: ${problem.detail}` : problem.title);
    this.code = problem.code;
    this.title = problem.title;
    this.retryAfter = retryAfter;
  }
}

const LOCKED = { code: "unauthorized", title: "The token of this page is no longer valid", detail: "open the address that jpegmend serve printed at its last start, or add ?token= and the token that was chosen to the address of this page" };
const UNREACHABLE = { code: "unreachable", title: "The service cannot be reached", detail: "is jpegmend serve still running?" };

/** Ask the service; gives the response, or throws a ServiceError. */
export async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { cache: "no-store", ...options });
  } catch {
    throw new ServiceError(UNREACHABLE);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ code: "unknown", title: `Answer ${response.status}` }));
  throw new ServiceError(response.status === 401 ? LOCKED : problem, Number(response.headers.get("Retry-After")) || 0);
}

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** Send a file, again where the queue is full, unless the signal says that it is no longer wanted. */
async function send(address, file, headers = {}, signal = null) {
  for (;;) {
    try {
      return await ask(address, { method: "POST", body: file, headers });
    } catch (error) {
      if (error.code !== "queue-full") throw error;
      await wait(error.retryAfter || 1);
      signal?.throwIfAborted();
    }
  }
}

/** The query of options; those without a value are left out. */
export function queryOf(options) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (value !== "" && value !== null && value !== undefined && value !== false) query.set(name, String(value));
  }
  return query.toString();
}

/** Begin a job; gives it as JSON. An upload that runs is not broken off, as its job would have no known id then. */
export async function begin(file, options, signal) {
  const response = await send(`v1/restore?${queryOf(options)}`, file, { Prefer: "respond-async" }, signal);
  return response.json();
}

/** Follow a job to its end, or until the signal; `tell` gets it at each event. Gives the job, or throws its problem. */
export function follow(id, tell, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const source = new EventSource(`v1/jobs/${id}/events`);
    const end = (act) => {
      source.close();
      act();
    };
    signal.addEventListener("abort", () => end(() => reject(signal.reason)));
    for (const kind of ["queued", "running", "progress", "done", "failed"]) {
      source.addEventListener(kind, ({ data }) => {
        const job = JSON.parse(data);
        tell(job);
        if (kind === "done") end(() => resolve(job));
        if (kind === "failed") end(() => reject(new ServiceError(job.problem)));
      });
    }
    source.addEventListener("error", () => {
      // The stream does not say why it was refused: the service may have been started again, with another token.
      if (source.readyState === EventSource.CLOSED) end(() => ask(`v1/jobs/${id}`).then(() => reject(new ServiceError(UNREACHABLE)), reject));
    });
  });
}

/** What a file is. */
export const inspect = async (file) => (await send("v1/inspect", file)).json();

/** The networks that can run here. */
export const models = async () => (await (await ask("v1/models")).json()).models.filter((model) => model.available);

/** Names of the formats that the service can write. */
export const formats = async () => (await (await ask("v1/formats")).json()).formats.filter((format) => format.available).map(({ name }) => name);

/** End a job and remove its files, also while the page is being left. */
export const remove = (id) => fetch(`v1/jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});

/** Whether a job is still kept. */
export async function isKept(id) {
  try {
    await ask(`v1/jobs/${id}`);
    return true;
  } catch (error) {
    if (error.code === "no-such-job") return false;
    throw error;
  }
}
