// Sends a request to the daemon, over the Unix socket in its home, or over TCP after it has proven its identity on that
// connection: after a daemon has ended, another program may listen on its port.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import http from "node:http";

const CHALLENGE = "X-Openclaw-Instructor-Challenge";
const PROOF_BYTES = 65_536;

// No token or text was sent: nothing listens, or something else than the daemon.
export class NotSent extends Error {}
// The connection broke after the request was sent; whether it was carried out is not known.
export class Broken extends Error {}

// `at` is { url, token, socket?, agentToken? }; resolves to { status, headers, text }. Rejects with NotSent, Broken, or
// the reason of `signal`.
export async function send(at, { method, path, headers, body }, signal) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const place = at.socket ? { socketPath: at.socket } : address(at.url);
    // A program of an older version gives no token for agents, and its daemon no proof.
    const proven = at.socket || !at.agentToken ? undefined : await prove(agent, place, at.agentToken, signal);
    return await exchange(agent, { ...place, method, path, headers }, body, signal, proven);
  } finally {
    agent.destroy();
  }
}

function address(url) {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) };
}

// Resolves to the connection on which the other side has shown that it holds the token.
async function prove(agent, place, agentToken, signal) {
  const challenge = randomBytes(16).toString("hex");
  const options = { ...place, method: "GET", path: "/health", headers: { [CHALLENGE]: challenge } };
  let socket;
  let given;
  try {
    const answer = await exchange(agent, options, undefined, signal, undefined, (used) => (socket = used));
    given = JSON.parse(answer.text.slice(0, PROOF_BYTES)).proof;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new NotSent(error.message);
  }
  const expected = createHmac("sha256", agentToken).update(`proof ${place.port} ${challenge}`).digest("hex");
  if (typeof given !== "string" || given.length !== expected.length || !timingSafeEqual(Buffer.from(given), Buffer.from(expected))) {
    throw new NotSent("somebody else listens there");
  }
  return socket;
}

// One request and its whole answer. With `expected` it goes over that connection or not at all.
function exchange(agent, options, body, signal, expected, onSocket) {
  return new Promise((resolve, reject) => {
    let sent = false;
    const outgoing = http.request({ ...options, agent, signal });
    const fail = (error) => {
      if (signal.aborted) reject(signal.reason);
      else reject(sent ? new Broken(error.message) : new NotSent(error.message));
    };
    outgoing.once("error", fail);
    outgoing.once("socket", (socket) => {
      if (expected && socket !== expected) {
        outgoing.destroy(new Error("the daemon does not keep its connections"));
        return;
      }
      onSocket?.(socket);
      const go = () => {
        sent = true;
        outgoing.end(body);
      };
      if (socket.connecting) socket.once("connect", go);
      else go();
    });
    outgoing.once("response", (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.once("error", fail);
      response.once("end", () => {
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString("utf8") });
      });
    });
  });
}
