// Talks to the server this page came from.

const KEY = "xomni-key";

/** What the server said was wrong. */
export class ApiError extends Error {
  constructor(status, message, code = null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function request(path, options = {}, refused = false) {
  const headers = { ...options.headers };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) {
    await askForKey(refused);
    return request(path, options, true);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response) {
  try {
    const { message, code } = (await response.json()).error;
    return new ApiError(response.status, message, code);
  } catch {
    // No JSON: the status has to do.
    return new ApiError(response.status, `the server answered ${response.status}`);
  }
}

/** Fails if the user would rather not. */
function askForKey(refused) {
  const dialog = document.getElementById("key-dialog");
  const input = document.getElementById("key");
  input.value = "";
  input.placeholder = refused ? "That key was refused" : "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener("close", () => {
      const key = input.value.trim();
      if (!key) {
        reject(new ApiError(401, "this server wants a key"));
        return;
      }
      sessionStorage.setItem(KEY, key);
      resolve();
    }, { once: true });
  });
}

/** The models that are served, the default first. */
export async function models() {
  return (await (await request("/v1/models")).json()).data;
}

/**
 * Posts JSON and yields each event of the answering stream as an object. Fails with ApiError, or with AbortError once `signal` says so.
 */
export async function* stream(path, body, signal) {
  const response = await request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, stream: true }),
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (!data || data === "[DONE]") continue;
      const parsed = JSON.parse(data);
      if (parsed.error) throw new ApiError(500, parsed.error.message, parsed.error.code);
      yield parsed;
    }
  }
}

/** Whether an error is only somebody's change of mind. */
export function wasCancelled(error) {
  return error.name === "AbortError";
}
