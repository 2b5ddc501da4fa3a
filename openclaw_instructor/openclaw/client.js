// Calls the local daemon; the command line starts it and says where it listens.

import { randomUUID } from "node:crypto";
import { Broken, NotSent, send } from "./transport.js";

const START_MS = 90_000;
const CALL_MS = 120_000;
const BUSY_MS = 60_000; // how long "busy, try again" answers are waited out here before the model hears of them
const WAIT_MS = 5_000;
const LOOK_MS = 2_000; // after which a call without an answer has the daemon looked at
const PROBE_MS = 2_000;
const MAX_CHARACTERS = 12_000; // of one result; OpenClaw cuts longer texts off wherever they happen to be

// `run` executes an argument list and resolves to { code, stdout, stderr }; `commandLine()` is the one of our program, and
// `install()` what a person types to get it.
export function createDaemon(run, commandLine, pluginId, install) {
  let endpoint; // { url, token, socket, agentToken, pid, crashed }
  let starting; // one start serves every call that waits for it

  async function start() {
    const argv = commandLine();
    const command = argv.join(" ");
    let ended;
    try {
      ended = await run([...argv, "daemon", "ensure", "--json"], { timeoutMs: START_MS });
    } catch (error) {
      throw new Error(
        `Cannot run "${command}" (${error.message}). Ask the user to install it (${install()}) ` +
          `or to set plugins.entries.${pluginId}.config.command to its absolute path.`,
      );
    }
    if (ended.code !== 0) {
      const why = String(ended.stderr || ended.stdout).trim().slice(-400) || `exit status ${ended.code}`;
      throw new Error(`The openclaw-instructor daemon did not start: ${why}. Ask the user to run: ${command} openclaw doctor`);
    }
    try {
      const { url, token, socket, agent_token: agentToken, pid, crashed } = JSON.parse(ended.stdout);
      // Agents get a token that allows less than the owner's.
      return { url, token: agentToken ?? token, socket, agentToken, pid, crashed };
    } catch {
      throw new Error(`"${command} daemon ensure --json" did not print its address. Ask the user to update openclaw-instructor.`);
    }
  }

  // `stale` is the endpoint that failed; when another call has already replaced it, that one is used.
  async function connect(stale) {
    if (endpoint && endpoint !== stale) return endpoint;
    starting ??= start()
      .then((found) => (endpoint = found))
      .finally(() => (starting = undefined));
    return starting;
  }

  function post(at, { path, input, key }, signal) {
    const body = JSON.stringify(input);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      authorization: `Bearer ${at.token}`,
      "x-timezone": Intl.DateTimeFormat().resolvedOptions().timeZone, // the daemon may run in another
      ...(key && { "idempotency-key": key }),
    };
    return send(at, { method: "POST", path, headers, body }, signal);
  }

  // Waits for the answer. A daemon that does not answer a look either is replaced, which breaks the connection.
  async function attended(at, request, signal) {
    const answer = post(at, request, signal);
    let over = false;
    const ended = () => (over = true);
    const done = answer.then(ended, ended);
    (async () => {
      for (let wait = LOOK_MS; ; wait = WAIT_MS) {
        await Promise.race([done, idle(wait)]);
        if (over) return;
        if (await answers(at)) continue;
        if (over) return;
        await connect(at).catch(() => {});
        if (endpoint?.pid !== at.pid) return;
      }
    })();
    return answer;
  }

  async function answers(at) {
    try {
      const headers = { authorization: `Bearer ${at.token}` };
      await send(at, { method: "GET", path: "/health", headers }, AbortSignal.timeout(PROBE_MS));
      return true;
    } catch {
      return false;
    }
  }

  // Sends a call, once more only where that is safe: a call that reads, or one that the same daemon recognises by its
  // key. A call during which a daemon crashed is not repeated.
  async function attempt(call, signal) {
    let at = await abortable(connect(), signal);
    for (let renewed = false; ; renewed = true) {
      let broken = false;
      try {
        const response = await attended(at, call, signal);
        // 401: another daemon, with a token of its own, took over the port.
        const again = response.status === 401 || (call.effect === "read" && isEnding(response));
        if (!again || renewed) return response;
      } catch (error) {
        if (!(error instanceof NotSent || error instanceof Broken)) throw error;
        if (renewed) throw new Error(`The openclaw-instructor daemon at ${at.url} does not answer (${error.message}). Call the tool again.`);
        broken = error instanceof Broken;
      }
      const next = await abortable(connect(at), signal);
      if (broken && next.pid !== at.pid) {
        if (next.crashed === at.pid) throw new Error("The openclaw-instructor daemon died while it worked on this call, which is therefore not made again.");
        if (call.effect !== "read") throw new Error("The openclaw-instructor daemon ended while it worked on this call. Look at what was changed before you call the tool again.");
      }
      at = next;
    }
  }

  // `effect` is the tool's: "read", or it changes something.
  function call(task, input, signal, effect = "write") {
    const path = `/v1/tools/${encodeURIComponent(task)}?max_characters=${MAX_CHARACTERS}`;
    return request({ name: task, path, input, effect }, signal);
  }

  // Any other route that only reads.
  function ask(path, input, signal) {
    return request({ name: path, path, input, effect: "read" }, signal);
  }

  async function request({ name, path, input, effect }, callerSignal) {
    const deadline = AbortSignal.timeout(CALL_MS);
    const signal = callerSignal ? AbortSignal.any([deadline, callerSignal]) : deadline;
    const patience = Date.now() + BUSY_MS;
    const outgoing = { path, input, effect, key: effect === "read" ? undefined : randomUUID() };
    try {
      for (;;) {
        const response = await attempt(outgoing, signal);
        const retry = Number(response.headers["retry-after"]);
        if (retry > 0 && Date.now() < patience) {
          await pause(Math.min(retry * 1000, WAIT_MS), signal);
          continue;
        }
        return read(response);
      }
    } catch (error) {
      if (deadline.aborted && !callerSignal?.aborted) {
        throw new Error(`${name} took longer than ${CALL_MS / 1000} s. Ask for less at once, or call it again later.`);
      }
      throw error;
    }
  }

  // One request that only reads, to any route; resolves to { status, headers, text }.
  async function forward(method, path, body, signal = AbortSignal.timeout(CALL_MS)) {
    let at = await abortable(connect(), signal);
    for (let renewed = false; ; renewed = true) {
      const given = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const headers = { ...given, authorization: `Bearer ${at.token}` };
      try {
        const response = await send(at, { method, path, headers, body }, signal);
        if (response.status !== 401 || renewed) return response;
      } catch (error) {
        if (renewed || !(error instanceof NotSent || error instanceof Broken)) throw error;
      }
      at = await abortable(connect(at), signal);
    }
  }

  return { call, ask, forward };
}

function read({ status, text }) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`The openclaw-instructor daemon answered HTTP ${status} without JSON. Ask the user to run: openclaw-instructor openclaw doctor`);
  }
  if (status >= 400) {
    const error = new Error(body.error?.message ?? `The openclaw-instructor daemon answered HTTP ${status}.`);
    throw Object.assign(error, { status });
  }
  return body;
}

function isEnding({ status, text }) {
  return status === 503 && text.includes('"daemon_unavailable"');
}

function abortable(promise, signal) {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

// A wait that keeps no process alive.
function idle(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

function pause(milliseconds, signal) {
  let timer;
  const elapsed = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)));
  return abortable(elapsed, signal).finally(() => clearTimeout(timer));
}
