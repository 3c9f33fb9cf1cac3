// Talks to the server this page came from.

const KEY = "xomni-key";

/** What the server said was wrong. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) {
    await askForKey();
    return request(path, options);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response) {
  let message = `the server answered ${response.status}`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // No JSON: the status has to do.
  }
  return new ApiError(response.status, message);
}

function askForKey() {
  const dialog = document.getElementById("key-dialog");
  const input = document.getElementById("key");
  input.value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEY, input.value.trim());
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
      if (parsed.error) throw new ApiError(500, parsed.error.message);
      yield parsed;
    }
  }
}

/** Whether an error is only somebody's change of mind. */
export function wasCancelled(error) {
  return error.name === "AbortError";
}
