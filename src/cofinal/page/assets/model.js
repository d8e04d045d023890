import { say, send, telling } from "./send.js";

const element = (id) => document.getElementById(id);
const job = element("job");

function time(seconds) {
  return seconds < 90 ? `about ${Math.max(Math.round(seconds), 1)} s` : `about ${Math.round(seconds / 60)} min`;
}

// Asked for while a job runs; what came out is on the page when it is loaded again.
async function follow() {
  const told = await (await fetch("/model/progress")).json();
  job.dataset.state = told.state;
  job.hidden = told.state !== "running";
  for (const button of document.querySelectorAll("#train button, .report")) button.disabled = told.state === "running";
  if (told.state === "running") {
    element("what").textContent = `${told.what}${told.steps > 1 ? ` (step ${Math.max(told.step, 1)} of ${told.steps})` : ""}`;
    element("left").textContent = told.seconds_left === null ? told.note : `${time(told.seconds_left)} left of this step. ${told.note}`;
    element("share").value = (Math.max(told.step - 1, 0) + told.share) / told.steps;
  } else if (told.state === "failed") say(told.told.error, true);
  return told;
}

async function run(address, value) {
  await send(address, value);
  let told;
  do {
    told = await follow();
    if (told.state === "running") await new Promise((done) => setTimeout(done, 500));
  } while (told.state === "running");
  return told;
}

element("train").addEventListener("submit", telling(async (event) => {
  event.preventDefault();
  const told = await run("/model/train", { backbone: event.target.elements.backbone.value, learned: event.target.elements.learned.value });
  if (told.state === "done") location.reload();
  if (told.state === "cancelled") say("Cancelled. What was done is kept.");
  if (told.state === "failed") say(told.told.error, true);
}));

element("cancel").addEventListener("click", telling(() => send("/model/cancel", {})));

for (const button of document.querySelectorAll(".report")) {
  button.addEventListener("click", telling(async () => {
    const told = await run("/model/report", { film: button.dataset.film });
    if (told.state === "done") location.href = `/model/report/${encodeURIComponent(button.dataset.film)}`;
    if (told.state === "failed") say(told.told.error, true);
  }));
}

if (job.dataset.state === "running") {
  const again = async () => {
    let told;
    do { told = await follow(); await new Promise((done) => setTimeout(done, 1000)); } while (told.state === "running");
    if (told.state === "done" && told.kind === "train") location.reload();
  };
  again();
}
