"use strict";
for (const article of document.querySelectorAll(".performance")) {
  const video = article.querySelector("video");
  if (video) prepareFilm(article, video);
  prepareTabs(article);
  for (const cells of article.querySelectorAll(".cells")) prepareCells(article, cells);
  article.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-seconds]");
    if (chosen) playFrom(article, Number(chosen.dataset.seconds));
    else if (event.target.closest(".moment")) show(article, Number(event.target.closest(".moment").dataset.clip));
  });
}

// An embedded film is text in the page; a Blob of it can be searched in every browser.
function prepareFilm(article, video) {
  const held = document.getElementById(video.dataset.film || "");
  if (held) {
    const text = atob(held.textContent);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    video.src = URL.createObjectURL(new Blob([bytes], { type: held.dataset.mime }));
    held.remove();
  }
  video.addEventListener("error", () => {
    video.hidden = true;
    article.querySelector(".film-failed").hidden = false;
  });
  const heads = [...article.querySelectorAll(".playhead")];
  const lines = heads.map((head) => [...head.parentElement.querySelectorAll(".cells button")]);
  const follow = () => {
    const buttons = lines[0];
    const first = Number(buttons[0].dataset.seconds);
    const step = buttons.length > 1 ? Number(buttons[1].dataset.seconds) - first : 1;
    const share = (video.currentTime - first) / (step * buttons.length);
    for (const head of heads) {
      head.style.left = `${Math.min(Math.max(share, 0), 1) * 100}%`;
      head.classList.add("on");
    }
    if (!video.paused) requestAnimationFrame(follow);
  };
  for (const name of ["play", "seeked", "timeupdate"]) video.addEventListener(name, follow);
  prepareSkeleton(article, video);
}

// Whoever was followed, drawn over the film; frames in which nobody was found stay empty.
function prepareSkeleton(article, video) {
  const held = article.querySelector(".skeleton-lines");
  if (!held) return;
  const { size, seconds, bones, frames } = JSON.parse(held.textContent);
  const canvas = article.querySelector(".skeleton");
  const box = article.querySelector(".skeleton-toggle input");
  const draw = () => {
    const pen = canvas.getContext("2d");
    canvas.width = video.clientWidth;
    canvas.height = video.clientHeight;
    let at = 0;
    while (at + 1 < seconds.length && seconds[at + 1] <= video.currentTime + 0.001) at++;
    const joints = frames[at];
    canvas.dataset.drawn = String(Boolean(box.checked && joints));
    if (box.checked && joints) {
      const scale = Math.min(canvas.width / size[0], canvas.height / size[1]);
      const left = (canvas.width - scale * size[0]) / 2, top = (canvas.height - scale * size[1]) / 2;
      pen.strokeStyle = "#3fd97a";
      pen.lineWidth = 3;
      for (const [a, b] of bones) {
        pen.beginPath();
        pen.moveTo(left + scale * joints[2 * a], top + scale * joints[2 * a + 1]);
        pen.lineTo(left + scale * joints[2 * b], top + scale * joints[2 * b + 1]);
        pen.stroke();
      }
    }
    if (!video.paused) requestAnimationFrame(draw);
  };
  for (const name of ["play", "seeked", "loadeddata"]) video.addEventListener(name, draw);
  box.addEventListener("change", draw);
  window.addEventListener("resize", draw);
  draw();
}

function playFrom(article, seconds) {
  const video = article.querySelector("video");
  if (!video || video.hidden) return;
  video.currentTime = seconds;
  video.play().catch(() => {});
  video.scrollIntoView({ block: "nearest" });
}

// Cards are links to sections; with scripts they become tabs of which one is open.
function prepareTabs(article) {
  const list = article.querySelector(".cards");
  const tabs = [...list.querySelectorAll(".card")];
  if (tabs.length < 2) return;
  const panels = tabs.map((tab) => document.getElementById(tab.hash.slice(1)));
  const open = (chosen) => {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === chosen));
      tab.tabIndex = i === chosen ? 0 : -1;
      panels[i].hidden = i !== chosen;
    });
  };
  list.setAttribute("role", "tablist");
  tabs.forEach((tab, i) => {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panels[i].id);
    panels[i].setAttribute("role", "tabpanel");
    tab.addEventListener("click", (event) => { event.preventDefault(); open(i); });
    tab.addEventListener("keydown", (event) => {
      const next = moved(event.key, i, tabs.length);
      if (event.key === " ") open(i);
      else if (next === null) return;
      else { open(next); tabs[next].focus(); }
      event.preventDefault();
    });
  });
  open(Math.max(tabs.findIndex((tab) => tab.hash === location.hash), 0));
}

// One stop for the tabulator; arrows move inside.
function prepareCells(article, cells) {
  const buttons = [...cells.querySelectorAll("button")];
  const line = cells.closest(".lines").querySelector(".readout");
  const hint = line.textContent;
  const tell = (event) => { if (event.target.dataset.clip) line.textContent = event.target.ariaLabel; };
  cells.addEventListener("pointerover", tell);
  cells.addEventListener("focusin", tell);
  cells.addEventListener("pointerleave", () => { line.textContent = hint; });
  cells.addEventListener("keydown", (event) => {
    const now = buttons.indexOf(document.activeElement);
    const next = moved(event.key, now, buttons.length);
    if (next === null || now < 0) return;
    focusCell(buttons, next);
    event.preventDefault();
  });
  cells.addEventListener("click", (event) => {
    const chosen = buttons.indexOf(event.target);
    if (chosen >= 0) focusCell(buttons, chosen);
  });
}

function focusCell(buttons, chosen) {
  for (const button of buttons) button.tabIndex = -1;
  buttons[chosen].tabIndex = 0;
  buttons[chosen].focus({ preventScroll: true });
}

// Without a film a moment shows its place on the time line.
function show(article, clip) {
  const cells = article.querySelector(".target:not([hidden]) .cells");
  focusCell([...cells.querySelectorAll("button")], clip);
  cells.scrollIntoView({ block: "nearest" });
}

function moved(key, now, count) {
  const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -10, PageDown: 10 };
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  return key in steps ? Math.min(Math.max(now + steps[key], 0), count - 1) : null;
}
