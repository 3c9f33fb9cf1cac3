// Which of the server's models the page uses; the choice is kept in this browser.

import { models } from "./api.js";

const CHOICE = "xomni-model";
const $ = (id) => document.getElementById(id);
let served = [];
let chosen = null;
let hear = () => {};

/** Asks the server for its models, and shows the name of the only one or a choice; `changed` is called with each model that is chosen. */
export async function prepare(changed) {
  served = await models();
  hear = changed;
  $("model").textContent = served[0].id;
  $("model").hidden = several();
  $("model-choice").replaceChildren(...served.map((model) => new Option(model.id)));
  $("models").hidden = !several();
  $("model-choice").addEventListener("change", () => {
    choose($("model-choice").value);
    localStorage.setItem(CHOICE, chosen.id);
  });
  if (!choose(localStorage.getItem(CHOICE))) choose(served[0].id);
}

/** Uses a model from now on, if the server has it; says whether it does. */
export function choose(id) {
  const model = served.find((one) => one.id === id);
  if (model && model !== chosen) {
    chosen = model;
    $("model-choice").value = id;
    hear(model);
  }
  return Boolean(model);
}

/** The id of the model that is used. */
export function current() {
  return chosen.id;
}

/** Whether there is a choice. */
export function several() {
  return served.length > 1;
}
