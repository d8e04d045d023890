import { clock } from "./player.js";
import { say, send } from "./send.js";

// The list of moments and elements of one film, as this rater marked them.
export class Moments {
  constructor(here, video, jump) {
    this.here = here;
    this.video = video;
    this.jump = jump;
    this.list = document.getElementById("moments");
    this.begun = null;
    this.draw(JSON.parse(document.getElementById("moments-known").textContent));
  }

  moment() { this.save({ name: "moment", note: "", start: this.video.currentTime, end: null }); }

  element() {
    const here = this.video.currentTime;
    if (this.begun === null) this.begun = here;
    else {
      if (here > this.begun) this.save({ name: "element", note: "", start: this.begun, end: here });
      this.begun = null;
    }
    document.getElementById("element-word").textContent =
      this.begun === null ? "element begins" : `element ends (from ${clock(this.begun)})`;
  }

  async save(told) {
    try {
      this.draw((await send(`${this.here}/moment`, told)).moments);
      say("");
    } catch (mistake) { say(mistake.message, true); }
  }

  draw(known) {
    this.list.replaceChildren(...known.map((one) => this.line(one)));
  }

  line(one) {
    const line = document.createElement("li");
    const when = one.end === null ? clock(one.start) : `${clock(one.start)} – ${clock(one.end)}`;
    const jump = button(when, `Show ${one.name} at ${when}`, () => this.jump(one.start));
    jump.className = "time";
    const name = field(one.name, `Name, at ${when}`, 80, (text) => {
      if (text) this.save({ ...one, name: text });
      else name.value = one.name; // without a name nobody would know what it was
    });
    name.setAttribute("list", "names"); // those that this rater has used before
    const note = field(one.note, `Note on ${one.name}, at ${when}`, 1000, (note) => this.save({ ...one, note }));
    note.placeholder = "note";
    const remove = button("✕", `Remove ${one.name} at ${when}`, () => this.save({ ...one, removed: true }));
    remove.className = "plain";
    line.append(jump, name, note, remove);
    return line;
  }
}

function button(text, label, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.ariaLabel = label;
  made.addEventListener("click", action);
  return made;
}

function field(value, label, longest, changed) {
  const made = document.createElement("input");
  made.value = value;
  made.ariaLabel = label;
  made.maxLength = longest;
  made.addEventListener("change", () => changed(made.value.trim()));
  return made;
}
