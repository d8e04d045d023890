import { Moments } from "./moments.js";
import { Player, clock } from "./player.js";
import { play } from "./preview.js";
import { say, send } from "./send.js";

const desk = document.getElementById("desk");
const video = document.getElementById("film");
const seek = document.getElementById("seek");
const element = (id) => document.getElementById(id);
const player = new Player(video, Number(desk.dataset.fps), show);
const moments = new Moments(desk.dataset.here, video, (seconds) => player.jump(seconds));

function show() {
  element("clock").textContent = `${clock(video.currentTime)} / ${clock(video.duration || 0)}`;
  element("speed").textContent = `${video.playbackRate}×`;
  element("play-word").textContent = video.paused ? "Play" : "Pause";
  element("loop-word").textContent = player.from === null ? "loop from here" : player.to === null ? "loop to here" : "no loop";
  element("loop").hidden = player.from === null;
  element("loop").textContent = player.from === null ? "" : `loop ${clock(player.from)} – ${player.to === null ? "…" : clock(player.to)}`;
  if (document.activeElement !== seek || !video.paused) seek.value = video.duration ? video.currentTime / video.duration : 0;
  seek.setAttribute("aria-valuetext", clock(video.currentTime));
}
seek.addEventListener("input", () => player.jump(seek.valueAsNumber * (video.duration || 0)));

play(video, (sentence) => {
  element("trouble").hidden = !sentence;
  element("trouble").textContent = sentence;
});

// Marks: sent when a field changes, and again until the answer says that they are saved.
const waiting = new Map();
async function deliver(target) {
  const mark = waiting.get(target);
  try {
    const told = await send(`${desk.dataset.here}/mark`, { target, mark });
    if (waiting.get(target) === mark) waiting.delete(target);
    element("saved").textContent = `Saved at ${new Date(told.saved).toLocaleTimeString()}.`;
    element("saved").classList.remove("wrong");
  } catch (mistake) {
    element("saved").textContent = mistake.refused ? mistake.message : "Not saved yet; trying again …";
    element("saved").classList.add("wrong");
    if (mistake.refused) waiting.delete(target);
    else setTimeout(() => deliver(target), 2000);
  }
}
const fields = [...document.querySelectorAll("[data-target]")];
function take(field) {
  if (!field.checkValidity()) {
    element("saved").textContent = `${field.dataset.target}: expected ${field.min} to ${field.max} in steps of ${field.step}.`;
    element("saved").classList.add("wrong");
    return false;
  }
  const mark = field.value === "" ? null : field.valueAsNumber;
  if (String(mark) === field.dataset.sent) return true;
  field.dataset.sent = String(mark);
  waiting.set(field.dataset.target, mark);
  deliver(field.dataset.target);
  return true;
}
for (const [place, field] of fields.entries()) {
  field.dataset.sent = String(field.value === "" ? null : field.valueAsNumber);
  field.addEventListener("change", () => take(field));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (!take(field)) return;
    if (place + 1 < fields.length) fields[place + 1].select();
    else go("next");
  });
}
window.addEventListener("beforeunload", (event) => { if (waiting.size) event.preventDefault(); });

// Leaving waits for what is on its way.
async function go(where) {
  for (let tries = 0; waiting.size && tries < 50; tries++) await new Promise((done) => setTimeout(done, 100));
  if (!element("saved").classList.contains("wrong")) element(where).click();
}

const DO = {
  play: () => player.play(), back: () => player.step(-1), on: () => player.step(1),
  slower: () => player.faster(-1), faster: () => player.faster(1), loop: () => player.loop(),
  moment: () => moments.moment(), element: () => moments.element(),
};
const KEYS = {
  " ": "play", ",": "back", ".": "on", s: "slower", f: "faster", l: "loop", m: "moment", e: "element",
};
document.addEventListener("keydown", (event) => {
  const field = event.target;
  const typing = field.matches("input:not([type=range]):not([type=number]), textarea");
  const number = field.matches("input[type=number]");
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (number && (key === "," || key === "." || !(key.length === 1) || /[0-9+-]/.test(key))) return;
  if (key === " " && field.matches("button, summary, a")) return;
  if (KEYS[key]) DO[KEYS[key]]();
  else if (key === "j" || key === "k") player.jump(video.currentTime + (key === "j" ? -2 : 2));
  else if (key === "n" || key === "b") go(key === "n" ? "next" : "before");
  else return;
  event.preventDefault();
});
desk.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) DO[button.dataset.do]();
});
video.addEventListener("click", () => player.play());
if (fields.length) fields[0].focus({ preventScroll: true });
say("");
show();
