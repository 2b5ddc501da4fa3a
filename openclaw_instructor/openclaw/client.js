// Calls the local daemon over loopback HTTP. The command line starts it and says where it listens.

const START_MS = 90_000;
const CALL_MS = 120_000;
const BUSY_MS = 60_000; // how long "busy, try again" answers are waited out here before the model hears of them
const WAIT_MS = 5_000;
const MAX_CHARACTERS = 12_000; // of one result; OpenClaw cuts longer texts off wherever they happen to be

class Unreachable extends Error {}

// `run` executes an argument list and resolves to { code, stdout, stderr }; `commandLine()` is the one of our program.
export function createDaemon(run, commandLine, pluginId) {
  let endpoint; // { url, token }
  let starting; // one start serves every call that waits for it

  async function start() {
    const argv = commandLine();
    const command = argv.join(" ");
    let ended;
    try {
      ended = await run([...argv, "daemon", "ensure", "--json"], { timeoutMs: START_MS });
    } catch (error) {
      throw new Error(
        `Cannot run "${command}" (${error.message}). Ask the user to install it (uv tool install openclaw-instructor) ` +
          `or to set plugins.entries.${pluginId}.config.command to its absolute path.`,
      );
    }
    if (ended.code !== 0) {
      const why = String(ended.stderr || ended.stdout).trim().slice(-400) || `exit status ${ended.code}`;
      throw new Error(`The openclaw-instructor daemon did not start: ${why}. Ask the user to run: ${command} openclaw doctor`);
    }
    try {
      const { url, token } = JSON.parse(ended.stdout);
      return { url, token };
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

  async function post(at, task, input, signal) {
    try {
      return await fetch(`${at.url}/v1/tools/${encodeURIComponent(task)}?max_characters=${MAX_CHARACTERS}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${at.token}` },
        body: JSON.stringify(input),
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new Unreachable(error.cause?.message ?? error.message);
    }
  }

  async function attempt(task, input, signal) {
    let at = await abortable(connect(), signal);
    for (let renewed = false; ; renewed = true) {
      try {
        const response = await post(at, task, input, signal);
        // 401: another daemon, with a token of its own, took over the port.
        if (response.status !== 401 || renewed) return response;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        if (renewed) throw new Error(`The openclaw-instructor daemon at ${at.url} does not answer (${error.message}). Call the tool again.`);
      }
      at = await abortable(connect(at), signal);
    }
  }

  async function call(task, input, callerSignal) {
    const deadline = AbortSignal.timeout(CALL_MS);
    const signal = callerSignal ? AbortSignal.any([deadline, callerSignal]) : deadline;
    const patience = Date.now() + BUSY_MS;
    try {
      for (;;) {
        const response = await attempt(task, input, signal);
        const retry = Number(response.headers.get("retry-after"));
        if (retry > 0 && Date.now() < patience) {
          await response.body?.cancel();
          await pause(Math.min(retry * 1000, WAIT_MS), signal);
          continue;
        }
        return await read(response);
      }
    } catch (error) {
      if (deadline.aborted && !callerSignal?.aborted) {
        throw new Error(`${task} took longer than ${CALL_MS / 1000} s. Ask for less at once, or call it again later.`);
      }
      throw error;
    }
  }

  return { call };
}

async function read(response) {
  let body;
  try {
    body = await response.json();
  } catch (error) {
    if (error.name === "AbortError" || error.name === "TimeoutError") throw error;
    throw new Error(`The openclaw-instructor daemon answered HTTP ${response.status} without JSON. Ask the user to run: openclaw-instructor openclaw doctor`);
  }
  if (!response.ok) throw new Error(body.error?.message ?? `The openclaw-instructor daemon answered HTTP ${response.status}.`);
  return body;
}

function abortable(promise, signal) {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function pause(milliseconds, signal) {
  let timer;
  const elapsed = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)));
  return abortable(elapsed, signal).finally(() => clearTimeout(timer));
}
