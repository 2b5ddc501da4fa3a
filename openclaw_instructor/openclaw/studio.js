// The studio as a tab of OpenClaw's Control UI, which lets a tab only read; the daemon answers with the scope of agents.
//
// The page itself is behind the Gateway's own access control. The tab's frame has no origin, and its scripts and requests
// do not get the cookie that opened it, so they have a route of their own: the files of the studio are open, as they hold
// no data, and what it asks needs a key, which only the page holds and which ends when it is not used.

import { randomBytes } from "node:crypto";

export const ROUTE = "/openclaw-instructor/studio";
export const FILES = "/openclaw-instructor-studio";
const KEY_MS = 30 * 60_000;
const KEYS = 64;
const PAGE = "/studio/";
const ASSET = /^[A-Za-z0-9_]+(?:\/[A-Za-z0-9_.]+)*\.(?:js|css|svg)$/;
const READS = {
  GET: ["/v1/session", "/v1/tasks", "/v1/tools", "/v1/index", "/v1/index/files", "/v1/index/passages", "/metrics", "/health"],
  POST: ["/v1/index/inspect", "/v1/tasks/check", "/v1/tasks/try", "/v1/map"],
};
const TOOL = "/v1/tools/";
// Files without data, and answers to who holds a key: no cookie decides, so any frame may read what it is given.
const ANYWHERE = { "access-control-allow-origin": "*" };

export function registerStudio(api, { daemon, specs }) {
  if (!api.registerHttpRoute || !api.session?.controls?.registerControlUiDescriptor) return; // an older OpenClaw
  const keys = keyring();
  const route = (path, auth, handle) => api.registerHttpRoute({
    path,
    auth,
    match: "prefix",
    handler: async (request, response) => {
      const name = new URL(request.url, "http://localhost").pathname.slice(path.length + 1);
      try {
        if (request.method === "GET" || request.method === "HEAD") await handle(request, response, name);
        else refuse(response, 405, "method_not_allowed", "a tab only reads");
      } catch (error) {
        if (response.headersSent) throw error;
        refuse(response, 502, "unavailable", error.message);
      }
      return true;
    },
  });
  route(ROUTE, "gateway", async (request, response, name) => {
    if (name !== "") return refuse(response, 404, "not_found", "the studio has no such page");
    return page(response, await daemon.forward("GET", PAGE), keys.fresh());
  });
  route(FILES, "plugin", async (request, response, name) => {
    if (name === "api") return asked(response, new URL(request.url, "http://localhost").searchParams, { keys, daemon, effectOf: specs.effectOf });
    if (!ASSET.test(name)) return refuse(response, 404, "not_found", "the studio has no such file");
    const { status, headers, text } = await daemon.forward("GET", PAGE + name);
    return write(response, status, headers["content-type"], text, ANYWHERE);
  });
  api.session.controls.registerControlUiDescriptor({
    surface: "tab",
    id: "studio",
    label: "Studio",
    description: "Your documents and how a question finds them, as the agents' tools see them.",
    icon: "search",
    group: "control",
    path: `${ROUTE}/`,
    slug: "studio",
    requiredScopes: ["operator.read"],
  });
}

// Keys of the pages that are open, the oldest first.
function keyring() {
  const used = new Map();
  return {
    fresh() {
      const key = randomBytes(24).toString("base64url");
      used.set(key, Date.now());
      while (used.size > KEYS) used.delete(used.keys().next().value);
      return key;
    },
    opens(key) {
      const known = used.has(key) && Date.now() - used.get(key) < KEY_MS;
      used.delete(key);
      if (known) used.set(key, Date.now());
      return known;
    },
  };
}

async function asked(response, query, { keys, daemon, effectOf }) {
  const [key, method, path, body] = ["key", "method", "path", "body"].map((name) => query.get(name) ?? "");
  if (!keys.opens(key)) return refuse(response, 401, "unauthorized", "open the studio's tab anew");
  if (!reads(method, path, effectOf)) {
    return refuse(response, 403, "forbidden", "this changes something, and a tab only reads; run: openclaw-instructor studio");
  }
  const { status, headers, text } = await daemon.forward(method, path, body || undefined);
  return write(response, status, headers["content-type"], text, ANYWHERE);
}

function reads(method, path, effectOf) {
  const [route] = path.split("?");
  if (READS[method]?.includes(route)) return true;
  return method === "POST" && route.startsWith(TOOL) && effectOf(decodeURIComponent(route.slice(TOOL.length))) === "read";
}

// The daemon's policy, but that the Control UI may show the page in its frame.
function page(response, { status, headers, text }, key) {
  const policy = String(headers["content-security-policy"]).replace("frame-ancestors 'none'", "frame-ancestors 'self'");
  const placed = text
    .replace("<head>", `<head>\n<meta name="studio-key" content="${key}">`)
    .replaceAll(/ (href|src)="(?=[a-z])/g, ` $1="${FILES}/`);
  write(response, status, headers["content-type"], placed, { "content-security-policy": policy });
}

function refuse(response, status, code, message) {
  write(response, status, "application/json", JSON.stringify({ error: { code, message } }), ANYWHERE);
}

function write(response, status, type, text, more) {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff", ...more });
  response.end(text);
}
