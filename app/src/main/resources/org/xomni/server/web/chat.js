// The view for conversations in which images are shown, drawn and asked about.

import { stream, wasCancelled } from "./api.js";
import { TokenGrid } from "./grid.js";
import { element, remember } from "./history.js";
import { current } from "./models.js";

const $ = (id) => document.getElementById(id);
const LARGEST_SIDE = 1536;
let turns = [];
let attached = [];
let abort = null;
let defaultSize = "auto";

/** Pictures are drawn in a model's own size. */
export function use(model) {
  defaultSize = model.xomni.default_size;
}

export function prepare() {
  $("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(false);
  });
  $("draw-turn").addEventListener("click", () => send(true));
  $("stop-button").addEventListener("click", () => abort?.abort());
  $("new-chat").addEventListener("click", clear);
  $("chat-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send(false);
    } else if (event.key === "Escape") {
      abort?.abort();
    }
  });
  $("chat-text").addEventListener("input", grow);
  $("file").addEventListener("change", async () => {
    await attachFiles($("file").files);
    $("file").value = "";
  });
  $("file-label").addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") $("file").click();
  });
  acceptDrops();
}

function acceptDrops() {
  const chat = $("chat");
  document.addEventListener("paste", (event) => {
    if (!chat.hidden && event.clipboardData.files.length) attachFiles(event.clipboardData.files);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    chat.classList.toggle("dropping", !chat.hidden);
  });
  document.addEventListener("dragleave", () => chat.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    chat.classList.remove("dropping");
    if (!chat.hidden) attachFiles(event.dataTransfer.files);
  });
}

/** Begins a message about a drawing. */
export function ask(drawing) {
  attach({ url: drawing.url, id: drawing.image, model: drawing.model, name: drawing.prompt });
  $("chat-text").focus();
}

async function attachFiles(files) {
  for (const file of files) {
    if (!file.type.startsWith("image/")) continue;
    try {
      attach({ url: await readable(file), name: file.name });
    } catch {
      note(`${file.name} is not an image that this browser can read.`);
    }
  }
}

/** An image as a data URL, made smaller if it is very large: the model sees no more than that. */
async function readable(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}

function attach(image) {
  attached.push(image);
  showAttached();
}

function showAttached() {
  $("attachments").replaceChildren(...attached.map((image, i) => {
    const item = element("span", { className: "attachment" });
    const remove = element("button", { type: "button", textContent: "×", ariaLabel: `Remove ${image.name}` });
    remove.addEventListener("click", () => {
      attached.splice(i, 1);
      showAttached();
    });
    item.append(element("img", { src: image.url, alt: image.name }), remove);
    return item;
  }));
}

async function send(draw) {
  const text = $("chat-text").value.trim();
  if (abort || !text) {
    if (!abort && attached.length) note("Say what you want to know about the image, or what to draw.");
    $("chat-text").focus();
    return;
  }
  const turn = { role: "user", text, images: attached };
  const before = turns.length;
  turns.push(turn);
  const bubble = show(turn);
  attached = [];
  showAttached();
  $("chat-text").value = "";
  grow();
  abort = new AbortController();
  busy(true);
  try {
    await withKnownImages(() => (draw ? drawTurn(text) : answer()));
  } catch (error) {
    turns.length = before;
    bubble.remove();
    giveBack(turn);
    note(wasCancelled(error) ? "Stopped. This message is not part of the conversation." : error.message);
  } finally {
    abort = null;
    busy(false);
  }
}

/** The server forgets drawn pictures after a while: then they are sent again as they look. */
async function withKnownImages(work) {
  try {
    await work();
  } catch (error) {
    if (error.code !== "image_not_found") throw error;
    for (const turn of turns) for (const image of [turn.drawn, ...(turn.images ?? [])]) if (image) image.id = null;
    await work();
  }
}

/** What could not be sent can be sent again. */
function giveBack(turn) {
  if (!$("chat-text").value) $("chat-text").value = turn.text;
  attached = [...turn.images, ...attached];
  showAttached();
  grow();
}

async function answer() {
  const bubble = message("assistant", "");
  bubble.classList.add("busy");
  try {
    let text = "";
    for await (const chunk of stream("/v1/chat/completions", request(current()), abort.signal)) {
      text += chunk.choices[0]?.delta.content ?? "";
      bubble.textContent = text;
      scroll();
    }
    turns.push({ role: "assistant", text, images: [] });
    if (!text) bubble.textContent = "(no answer)";
  } catch (error) {
    if (!bubble.textContent) bubble.remove();
    throw error;
  } finally {
    bubble.classList.remove("busy");
  }
}

async function drawTurn(prompt) {
  const bubble = message("assistant", "");
  const canvas = element("canvas");
  const progress = element("span", { className: "note", textContent: "Waiting for a place …" });
  const grid = new TokenGrid(canvas);
  const model = current();
  const size = defaultSize;
  const [width, height] = size.split("x").map(Number);
  bubble.append(canvas, progress);
  try {
    const body = { ...request(model), xomni_draw: { size, xomni_tokens: true } };
    for await (const chunk of stream("/v1/chat/completions", body, abort.signal)) {
      const { xomni_progress: step, xomni_image: image } = chunk.choices[0]?.delta ?? {};
      if (step?.phase === "token") {
        const columns = Math.round(Math.sqrt((step.total * width) / height));
        if (step.done === 1) grid.start(columns, step.total / columns);
        grid.fill(step.done - 1, step.token);
        progress.textContent = `${step.done} of ${step.total} tokens`;
        scroll();
      } else if (step) {
        progress.textContent = `Painting: step ${step.done} of ${step.total}`;
      } else if (image) {
        const url = `data:image/${image.output_format};base64,${image.b64_json}`;
        canvas.replaceWith(element("img", { src: url, alt: prompt }));
        progress.textContent = `seed ${image.seed}`;
        turns.push({ role: "assistant", drawn: { url, id: image.id, model } });
        await remember({ model, prompt, size: image.size, seed: image.seed, guidance: 1, url, image: image.id, inChat: true });
        scroll();
      }
    }
  } catch (error) {
    bubble.remove();
    throw error;
  }
}

/** The conversation as the API wants it, for a model. */
function request(model) {
  return { model, messages: turns.map((turn) => wire(turn, model)) };
}

function wire(turn, model) {
  if (turn.drawn?.id && turn.drawn.model === model) return { role: "assistant", content: null, xomni_image: { id: turn.drawn.id } };
  if (turn.drawn) return { role: "assistant", content: [part(turn.drawn, model)] };
  if (!turn.images.length) return { role: turn.role, content: turn.text };
  return { role: turn.role, content: [...turn.images.map((image) => part(image, model)), { type: "text", text: turn.text }] };
}

/** Pictures that this model drew go by their id, so that they are not sent and read again. */
function part(image, model) {
  return { type: "image_url", image_url: { url: image.id && image.model === model ? `xomni-image:${image.id}` : image.url } };
}

function show(turn) {
  const bubble = message(turn.role, turn.text);
  bubble.prepend(...turn.images.map((image) => element("img", { src: image.url, alt: image.name })));
  scroll();
  return bubble;
}

function message(role, text) {
  $("chat-empty").hidden = true;
  const bubble = element("div", { className: `message ${role}`, textContent: text });
  $("messages").append(bubble);
  scroll();
  return bubble;
}

function note(text) {
  message("error", text).setAttribute("role", "alert");
}

function clear() {
  abort?.abort();
  turns = [];
  attached = [];
  showAttached();
  for (const bubble of $("messages").querySelectorAll(".message")) bubble.remove();
  $("chat-empty").hidden = false;
  $("chat-text").focus();
}

function busy(yes) {
  for (const id of ["send", "draw-turn", "new-chat"]) $(id).disabled = yes;
  $("stop-button").hidden = !yes;
}

function grow() {
  const area = $("chat-text");
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

function scroll() {
  $("messages").scrollTop = $("messages").scrollHeight;
}
