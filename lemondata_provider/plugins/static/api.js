/** The provider's REST API, and what a person can do when it does not answer as it should. */

/** `<base path>/lemondata/`: this file is `<base path>/lemondata/static/<version>/api.js`. */
const API = new URL("../../", import.meta.url);

/** `<base path>/`: where Airflow's own pages begin. */
export const AIRFLOW = new URL("../", API).pathname;

/** An answer that is no success; `status` is 0 if there was none. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Return the JSON at `api/<name>`; parameters without a value are left out. */
export async function get(name, parameters = {}, signal = undefined) {
  const url = new URL(`api/${name}`, API);
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(key, value);
  }
  const response = await answer(url, signal);
  if (!response.ok) throw new ApiError(response.status, response.statusText);
  if (!response.headers.get("content-type")?.includes("json")) throw new ApiError(401, "a page instead of JSON");
  return response.json();
}

/** Return the address of a file that the API named. */
export function mediaUrl(path) {
  return new URL(path, API).href;
}

/** Return an address elsewhere if a link may lead there, and null otherwise; `javascript:` never may. */
export function outsideUrl(address) {
  const url = address && URL.canParse(address) ? new URL(address) : null;
  const allowed = location.protocol === "https:" ? ["https:"] : ["https:", "http:"];
  return url && allowed.includes(url.protocol) ? url.href : null;
}

/** Return what happened, and what to do about it. */
export function explain(error) {
  const status = error instanceof ApiError ? error.status : null;
  if (status === 401)
    return { what: "Your session has ended.", advice: "Reload this page to log in again.", reload: true };
  if (status === 403) {
    return {
      what: "You may not see videos.",
      advice: "Ask an Airflow administrator for the right to read DAGs and XComs.",
    };
  }
  if (status === 0) return { what: "Airflow does not answer.", advice: "Check your connection, then try again." };
  const said = status ? `with ${status}` : "in a way that this page does not understand";
  return { what: `Airflow answered ${said}.`, advice: "Try again. If it goes on, read the API server's log." };
}

async function answer(url, signal) {
  try {
    return await fetch(url, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, String(error));
  }
}
