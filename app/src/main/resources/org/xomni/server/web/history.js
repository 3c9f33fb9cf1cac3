// What was drawn, kept in this browser (IndexedDB), newest first.

import { several } from "./models.js";

const MOST = 200;

const database = new Promise((resolve, reject) => {
  const opening = indexedDB.open("xomni", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("drawings", { keyPath: "id", autoIncrement: true });
  opening.onsuccess = () => resolve(opening.result);
  opening.onerror = () => reject(opening.error);
});

async function drawings(mode, work) {
  const transaction = (await database).transaction("drawings", mode);
  const result = work(transaction.objectStore("drawings"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(result.result);
    // A full disk shows only as an abort.
    transaction.onabort = () => reject(transaction.error ?? new Error("this browser keeps no history"));
  });
}

/** Keeps a drawing: {model, prompt, size, seed, guidance, url, image, inChat}. A browser that cannot (private windows, no space left) shows it all the same. */
export async function remember(drawing) {
  try {
    await drawings("readwrite", (store) => store.add({ ...drawing, time: Date.now() }));
    const keys = await drawings("readonly", (store) => store.getAllKeys());
    for (const key of keys.slice(0, Math.max(0, keys.length - MOST))) await drawings("readwrite", (store) => store.delete(key));
  } catch (error) {
    console.warn("not kept in the history:", error);
  }
}

/** Shows the list; `actions` has rerun(drawing) and ask(drawing). */
export async function show(actions) {
  const all = (await drawings("readonly", (store) => store.getAll())).reverse();
  document.getElementById("history-empty").hidden = all.length > 0;
  document.getElementById("clear").hidden = all.length === 0;
  document.getElementById("cards").replaceChildren(...all.map((drawing) => card(drawing, actions)));
}

export function prepare(actions) {
  document.getElementById("clear").addEventListener("click", async () => {
    await drawings("readwrite", (store) => store.clear());
    await show(actions);
  });
}

function card(drawing, actions) {
  const item = element("li", { className: "card" });
  const details = element("div");
  const facts = `${drawing.size.replace("x", " × ")}, seed ${drawing.seed}` + (drawing.guidance === 1 ? "" : `, guidance ${drawing.guidance}`)
    + (several() && drawing.model ? `, ${drawing.model}` : "") + (drawing.inChat ? ", drawn in a chat" : "");
  const buttons = element("span", { className: "actions" });
  buttons.append(
    // What was said before it in the chat had its part in it: alone its prompt gives another picture.
    drawing.inChat
      ? button("Draw alone", `Draw alone: ${drawing.prompt}`, () => actions.rerun(drawing))
      : button("Re-run", `Draw again: ${drawing.prompt}`, () => actions.rerun(drawing)),
    element("a", { className: "button", textContent: "Download", href: drawing.url, download: fileName(drawing), ariaLabel: `Download: ${drawing.prompt}` }),
    button("Ask", `Ask about: ${drawing.prompt}`, () => actions.ask(drawing)),
  );
  details.append(element("p", { textContent: drawing.prompt }), element("span", { className: "hint", textContent: facts }), buttons);
  item.append(element("img", { src: drawing.url, alt: drawing.prompt, loading: "lazy" }), details);
  return item;
}

function button(text, label, action) {
  const made = element("button", { type: "button", textContent: text, ariaLabel: label });
  made.addEventListener("click", action);
  return made;
}

export function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

/** A name for a drawing's file. */
export function fileName(drawing) {
  const words = drawing.prompt.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40);
  return `${words || "picture"}-${drawing.seed}.png`;
}
