import { say, send, telling } from "./send.js";

document.getElementById("all").addEventListener("click", telling(async () => {
  const { files } = await send("/export/all", {});
  say(`Written: ${files.length} files.`);
}));
