// A film under the hands of somebody who judges it: pictures one by one, speeds, a loop.
export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];

export function clock(seconds) {
  const whole = Math.max(seconds, 0);
  return `${Math.floor(whole / 60)}:${(whole % 60).toFixed(2).padStart(5, "0")}`;
}

export class Player {
  constructor(video, fps, changed) {
    this.video = video;
    this.fps = fps;
    this.changed = changed;
    this.from = this.to = null;
    const follow = () => {
      if (this.to !== null && video.currentTime >= this.to) video.currentTime = this.from;
      changed();
      if (!video.paused) requestAnimationFrame(follow);
    };
    for (const name of ["play", "pause", "seeked", "loadedmetadata", "ratechange", "timeupdate"]) video.addEventListener(name, follow);
  }

  play() {
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  // The middle of the picture is asked for, so that rounding never shows its neighbour.
  step(count) {
    this.video.pause();
    const shown = Math.floor(this.video.currentTime * this.fps + 0.001);
    this.jump((Math.max(shown + count, 0) + 0.5) / this.fps);
  }

  jump(seconds) {
    this.video.currentTime = Math.min(Math.max(seconds, 0), this.video.duration || 0);
  }

  faster(by) {
    const now = SPEEDS.indexOf(this.video.playbackRate);
    this.video.playbackRate = SPEEDS[Math.min(Math.max((now < 0 ? 3 : now) + by, 0), SPEEDS.length - 1)];
  }

  // From here, to here, off.
  loop() {
    const here = this.video.currentTime;
    if (this.from === null) this.from = here;
    else if (this.to === null && here > this.from) this.to = here;
    else this.from = this.to = null;
    this.changed();
  }
}
