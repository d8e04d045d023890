// A film that browsers do not play is asked for until its copy is made.
export function play(video, tell) {
  video.addEventListener("error", () => tell("This film cannot be played; tell the organiser which one it is."));
  if (!video.dataset.preview) return;
  tell("This film is being made playable; it starts by itself.");
  const ask = async () => {
    const answer = await fetch(video.dataset.preview, { headers: { range: "bytes=0-0" } });
    if (answer.status === 503) setTimeout(again, 1000);
    else if (answer.ok) { video.src = video.dataset.preview; tell(""); }
    else tell(await answer.text());
  };
  const again = () => ask().catch(() => setTimeout(again, 3000));
  again();
}
