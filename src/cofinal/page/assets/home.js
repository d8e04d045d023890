import { say, send, telling } from "./send.js";

const targets = document.getElementById("targets");
const body = targets.querySelector("tbody");

document.getElementById("more").addEventListener("click", () => {
  const row = body.lastElementChild.cloneNode(true);
  row.querySelector("[name=name]").value = "";
  body.append(row);
  row.querySelector("[name=name]").focus();
});

body.addEventListener("click", (event) => {
  if (event.target.closest(".remove") && body.children.length > 1) event.target.closest("tr").remove();
});

targets.addEventListener("submit", telling(async (event) => {
  event.preventDefault();
  const rows = [...body.children].map((row) => ({
    name: row.querySelector("[name=name]").value,
    lowest: row.querySelector("[name=lowest]").valueAsNumber,
    highest: row.querySelector("[name=highest]").valueAsNumber,
    step: row.querySelector("[name=step]").valueAsNumber,
  }));
  await send("/targets", { targets: rows });
  say("Saved.");
}));

document.getElementById("invite").addEventListener("submit", telling(async (event) => {
  event.preventDefault();
  const form = event.target;
  await send("/raters", { name: form.elements.name.value, repeat_share: form.elements.repeat_share.valueAsNumber / 100 });
  location.reload();
}));

for (const link of document.querySelectorAll(".link")) {
  link.value = new URL(link.dataset.link, location.href).href;
  link.addEventListener("focus", () => link.select());
}

document.addEventListener("click", telling(async (event) => {
  const copy = event.target.closest(".copy"), here = event.target.closest(".here");
  if (copy) {
    const link = copy.closest("td").querySelector(".link");
    link.select();
    // The clipboard is there only where the page is this machine's own.
    if (navigator.clipboard) await navigator.clipboard.writeText(link.value);
    else document.execCommand("copy");
    say("Copied.");
  }
  if (here) location.href = (await send("/raters/here", { rater: Number(here.dataset.rater) })).next;
}));

for (const field of document.querySelectorAll(".group")) {
  field.addEventListener("change", telling(async () => {
    await send("/groups", { film: field.dataset.film, group: field.value });
    say(`Saved: ${field.dataset.film}.`);
  }));
}
