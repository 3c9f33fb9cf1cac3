// The view that draws one picture and shows it grow.

import { stream, wasCancelled } from "./api.js";
import { TokenGrid } from "./grid.js";
import { fileName, remember } from "./history.js";
import { choose, current } from "./models.js";

const $ = (id) => document.getElementById(id);
const grid = new TokenGrid($("grid"));
let abort = null;
let last = null;
let decodeSeconds = null;

/** Fills a model's sizes in: its own, and wide, tall and small ones in steps of its patch. */
export function use(model) {
  const [width, height] = model.xomni.default_size.split("x").map(Number);
  const step = (n) => Math.max(1, Math.round(n / model.xomni.patch)) * model.xomni.patch;
  const sizes = [
    [width, height, "Standard"],
    [width, step(height * 0.66), "Wide"],
    [step(width * 0.66), height, "Tall"],
    [step(width / 2), step(height / 2), "Small"],
  ];
  const kept = $("size").selectedIndex;
  $("size").replaceChildren(...sizes.map(([w, h, name]) => new Option(`${name}, ${w} × ${h}`, `${w}x${h}`)));
  if (kept > 0 && kept < sizes.length) $("size").selectedIndex = kept;
}

export function prepare(actions) {
  $("draw-form").addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });
  $("prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("draw-form").requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") abort?.abort();
  });
  $("cancel-button").addEventListener("click", () => abort?.abort());
  $("keep-seed").addEventListener("click", () => {
    $("seed").value = last.seed;
  });
  $("ask").addEventListener("click", () => actions.ask(last));
}

/** Draws again what was drawn before, by the same model if it is still served. */
export function rerun(drawing) {
  choose(drawing.model);
  $("prompt").value = drawing.prompt;
  if (![...$("size").options].some((option) => option.value === drawing.size)) $("size").add(new Option(drawing.size.replace("x", " × "), drawing.size));
  $("size").value = drawing.size;
  $("guidance").value = drawing.guidance;
  $("seed").value = drawing.seed;
  $("draw-form").requestSubmit();
}

async function draw() {
  if (abort) return;
  const asked = { model: current(), prompt: $("prompt").value, size: $("size").value, guidance: Number($("guidance").value || 1) };
  abort = new AbortController();
  busy(true);
  begin();
  try {
    const { model, prompt, size, guidance } = asked;
    const body = { model, prompt, size, xomni_guidance: guidance, partial_images: 3, xomni_tokens: true };
    if ($("seed").value !== "") body.seed = Number($("seed").value);
    const clock = new Clock();
    say("Waiting for a place …");
    for await (const event of stream("/v1/images/generations", body, abort.signal)) await hear(event, asked, clock);
  } catch (error) {
    if (wasCancelled(error)) say("Cancelled.");
    else fail(error.message);
    $("progress").hidden = true;
  } finally {
    abort = null;
    busy(false);
  }
}

async function hear(event, asked, clock) {
  switch (event.type) {
    case "xomni.token": {
      if (event.done === 1) {
        const [width, height] = asked.size.split("x").map(Number);
        const columns = Math.round(Math.sqrt((event.total * width) / height));
        grid.start(columns, event.total / columns);
        $("grid").hidden = false;
        $("empty").hidden = true;
        clock.start();
        announce("Drawing");
      }
      grid.fill(event.done - 1, event.token);
      $("progress").value = (0.8 * event.done) / event.total;
      show(`Drawing: ${event.done} of ${event.total} tokens, ${clock.left(event.done, event.total)}`);
      break;
    }
    case "image_generation.partial_image":
      $("preview").src = source(event);
      $("preview").hidden = false;
      break;
    case "xomni.decoding":
      if (clock.decoding()) announce("Painting");
      $("progress").value = 0.8 + (0.2 * event.done) / event.total;
      show(`Painting: step ${event.done} of ${event.total}`);
      break;
    case "image_generation.completed":
      clock.end();
      await finish(event, asked);
      break;
  }
}

function begin() {
  for (const id of ["picture", "preview", "picture-actions", "grid"]) $(id).hidden = true;
  $("preview").removeAttribute("src");
  $("empty").hidden = false;
  $("progress").hidden = false;
  $("progress").value = 0;
  $("stage").scrollIntoView({ block: "nearest", behavior: "smooth" });
}

async function finish(event, asked) {
  last = { ...asked, size: event.size, seed: event.seed, url: source(event), image: event.xomni_image };
  $("picture").src = last.url;
  $("picture").alt = asked.prompt;
  $("picture").hidden = false;
  for (const id of ["grid", "preview", "empty", "progress"]) $(id).hidden = true;
  $("download").href = last.url;
  $("download").download = fileName(last);
  $("picture-actions").hidden = false;
  $("keep-seed").disabled = false;
  say(`${last.size.replace("x", " × ")}, seed ${last.seed}`);
  await remember(last);
}

function source(event) {
  return `data:image/${event.output_format};base64,${event.b64_json}`;
}

function busy(yes) {
  $("draw-button").disabled = yes;
  $("cancel-button").hidden = !yes;
}

/** What goes on, as long as it changes with every token: for eyes only. */
function show(text) {
  $("status").className = "";
  $("status").textContent = text;
}

/** For those who listen. */
function announce(text) {
  $("announcement").textContent = text;
}

function say(text) {
  show(text);
  announce(text);
}

function fail(message) {
  say(message);
  $("status").className = "error";
}

/** How long the rest takes: by the pace of tokens so far, and what painting took last time. */
class Clock {
  start() {
    this.started = performance.now();
  }

  /** Returns whether painting begins. */
  decoding() {
    const begins = this.decodingSince === undefined;
    this.decodingSince ??= performance.now();
    return begins;
  }

  end() {
    if (this.decodingSince) decodeSeconds = (performance.now() - this.decodingSince) / 1000;
  }

  left(done, total) {
    const pace = (performance.now() - this.started) / 1000 / Math.max(1, done - 1);
    const seconds = Math.ceil((total - done) * pace + (decodeSeconds ?? 0));
    if (done < 4) return "…";
    return seconds < 90 ? `about ${seconds} s left` : `about ${Math.round(seconds / 60)} min left`;
  }
}
