import { say, send, telling } from "./send.js";

document.getElementById("all").addEventListener("click", telling(async () => {
  const { files } = await send("/export/all", {});
  say(`Written: ${files.length} files.`);
}));

// The file is read here and its text sent to this machine's own page; nothing goes anywhere else.
document.getElementById("bring")?.addEventListener("submit", telling(async (event) => {
  event.preventDefault();
  const { file, judge } = event.target.elements;
  const told = { name: file.files[0].name, text: await file.files[0].text(), judge: judge.value };
  const answer = await send("/moments", told);
  say(`${answer.new} new.`);
}));
