import { Player, clock } from "./player.js";
import { play as playable } from "./preview.js";
import { say, send } from "./send.js";

const sides = [...document.querySelectorAll("[data-side]")];
const players = sides.map((side) => new Player(side.querySelector("video"), Number(side.dataset.fps), () => show(side)));
// Seconds of either film that lie beside each other.
const moment = [0, 0];
let together = false;

function show(side) {
  const video = side.querySelector("video"), seek = side.querySelector("[type=range]");
  side.querySelector(".clock").textContent = clock(video.currentTime);
  if (document.activeElement !== seek || !video.paused) seek.value = video.duration ? video.currentTime / video.duration : 0;
  seek.setAttribute("aria-valuetext", clock(video.currentTime));
  document.getElementById("play-word").textContent = players.every((one) => one.video.paused) ? "Play both" : "Pause both";
  document.getElementById("speed").textContent = `${video.playbackRate}×`;
}

sides.forEach((side, place) => {
  const video = side.querySelector("video"), seek = side.querySelector("[type=range]");
  playable(video, (sentence) => say(sentence, true));
  seek.addEventListener("input", () => {
    const before = video.currentTime;
    players[place].jump(seek.valueAsNumber * (video.duration || 0));
    if (together) players[1 - place].jump(players[1 - place].video.currentTime + video.currentTime - before);
  });
  video.addEventListener("click", () => DO.play());
});

const both = (action) => () => players.forEach(action);
const DO = {
  play: () => {
    const pause = players.some((one) => !one.video.paused);
    for (const { video } of players) {
      if (pause) video.pause();
      else video.play().catch(() => {});
    }
  },
  back: both((one) => one.step(-1)), on: both((one) => one.step(1)),
  slower: both((one) => one.faster(-1)), faster: both((one) => one.faster(1)),
  same: () => {
    players.forEach(({ video }, place) => { moment[place] = video.currentTime; });
    together = true;
    say("They move together now.");
  },
  start: () => players.forEach((one, place) => one.jump(moment[place])),
};
const KEYS = { " ": "play", ",": "back", ".": "on", s: "slower", f: "faster", y: "same", b: "start" };
const BETTER = { ArrowLeft: "left", ArrowDown: "equal", ArrowRight: "right" };

let saying = false;
async function better(word) {
  if (saying) return;
  saying = true;
  const told = { better: word, left_seconds: moment[0], right_seconds: moment[1] };
  for (const side of sides) told[side.dataset.side] = Number(side.dataset.position);
  try {
    await send("/compare/say", told);
    location.href = "/compare";
  } catch (mistake) {
    say(`Not saved: ${mistake.message}`, true);
    saying = false;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const onSeek = event.target.matches("[type=range]");
  if (BETTER[event.key] && !onSeek) better(BETTER[event.key]);
  else if (event.key === " " && event.target.matches("button, a")) return;
  else if (KEYS[event.key.toLowerCase()]) DO[KEYS[event.key.toLowerCase()]]();
  else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do], [data-better]");
  if (button?.dataset.do) DO[button.dataset.do]();
  else if (button) better(button.dataset.better);
});
