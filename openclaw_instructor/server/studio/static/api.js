// Asks the daemon, with the session's cookie, or through OpenClaw's Gateway when the page is a tab of its Control UI.

const key = document.querySelector('meta[name="studio-key"]')?.content;

export const inGateway = Boolean(key);

export class ApiError extends Error {
  constructor(message, code, status, retryAfter) {
    super(message);
    this.retryAfter = retryAfter;
    this.code = code;
    this.status = status;
  }
}

let opened;

// { scope, csrf }: what this page may do.
export function session() {
  opened ??= inGateway ? Promise.resolve({ scope: "read" }) : send("GET", "/v1/session");
  return opened;
}

const RANK = { read: 1, write: 2, admin: 3 };

export async function may(scope) {
  return RANK[(await session()).scope] >= RANK[scope];
}

export const get = (path) => send("GET", path);
export const post = (path, body) => send("POST", path, JSON.stringify(body));
export const run = (task, input) => post(`/v1/tools/${encodeURIComponent(task)}`, input);

// "Busy" and "still loading" are waited out: nothing was done yet.
const PATIENCE_MS = 120_000;

async function send(method, path, body, accept) {
  for (const started = Date.now(); ; ) {
    try {
      return await read(await request(method, path, body, accept));
    } catch (error) {
      if (!error.retryAfter || Date.now() - started > PATIENCE_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(error.retryAfter, 5) * 1000));
    }
  }
}

async function request(method, path, body, accept = "application/json", signal = undefined) {
  if (inGateway) {
    const asked = new URLSearchParams({ key, method, path, ...(body && { body }) });
    return fetch(new URL(`api?${asked}`, import.meta.url), { credentials: "omit", signal });
  }
  const headers = { Accept: accept, "X-Timezone": Intl.DateTimeFormat().resolvedOptions().timeZone };
  if (method !== "GET") {
    headers["X-CSRF-Token"] = (await session()).csrf ?? "";
    headers["Content-Type"] = typeof body === "string" ? "application/json" : "application/octet-stream";
    headers["Idempotency-Key"] = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  return fetch(new URL(path.slice(1), rootUrl()), { method, headers, body, credentials: "same-origin", cache: "no-store", signal });
}

// The page lies in /studio/, the API beside it.
function rootUrl() {
  return new URL("../", new URL(".", location.href));
}

async function read(response) {
  const text = await response.text();
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  if (!response.ok) throw failure(response.status, value);
  return value;
}

function failure(status, value) {
  const error = value?.error ?? {};
  return new ApiError(error.message ?? `the service answered with status ${status}`, error.code ?? "", status, error.retry_after);
}

// Calls `onLine` for every line of JSON of the answer; a body of bytes is sent as it is. An aborted `signal` ends the work.
export async function stream(path, body, onLine, signal = undefined) {
  const bytes = body instanceof Blob || body instanceof ArrayBuffer;
  const response = await request("POST", path, bytes ? body : JSON.stringify(body), "application/x-ndjson", signal);
  if (!response.ok) await read(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : lines.pop();
    for (const line of lines.filter(Boolean)) {
      const parsed = JSON.parse(line);
      if (parsed.error) throw failure(response.status, parsed);
      onLine(parsed);
    }
    if (done) return;
  }
}

export const upload = async (path, bytes) => send("POST", path, bytes);
