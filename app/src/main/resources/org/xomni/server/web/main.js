// Puts the three views together.

import * as chat from "./chat.js";
import * as draw from "./draw.js";
import * as history from "./history.js";
import * as models from "./models.js";

const THEME = "xomni-theme";
const tabs = [...document.querySelectorAll("[role=tab]")];
const actions = {
  ask(drawing) {
    open("chat");
    chat.ask(drawing);
  },
  rerun(drawing) {
    open("draw");
    draw.rerun(drawing);
  },
};

function open(name) {
  for (const tab of tabs) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (name === "history") history.show(actions);
}

for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab.id.slice("tab-".length)));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

const system = matchMedia("(prefers-color-scheme: dark)");
const systemTheme = () => (system.matches ? "dark" : "light");
setTheme(localStorage.getItem(THEME) ?? systemTheme());
system.addEventListener("change", () => {
  if (!localStorage.getItem(THEME)) setTheme(systemTheme());
});
document.getElementById("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, theme);
  setTheme(theme);
});

try {
  await models.prepare((model) => {
    draw.use(model);
    chat.use(model);
  });
  draw.prepare(actions);
  chat.prepare();
  history.prepare(actions);
  document.body.dataset.ready = "yes";
} catch (error) {
  document.getElementById("status").textContent = `The server does not answer: ${error.message}`;
}
