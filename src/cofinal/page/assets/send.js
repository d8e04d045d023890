// Sends JSON to the page itself; gives back what it answers or throws its sentence.
export async function send(address, value) {
  const answer = await fetch(address, {
    method: "POST", body: JSON.stringify(value), headers: { "content-type": "application/json" },
  });
  let told = {};
  try { told = await answer.json(); } catch { /* a sentence below */ }
  if (!answer.ok) {
    const mistake = new Error(told.error || `The page answered ${answer.status}; reload it.`);
    mistake.refused = answer.status < 500;
    throw mistake;
  }
  return told;
}

// Tells everyone, also those who hear the page.
export function say(sentence, wrong = false) {
  const notice = document.getElementById("notice");
  notice.textContent = sentence;
  notice.classList.toggle("wrong", wrong);
}

// Runs what may fail, and tells why it did.
export function telling(action) {
  return async (...given) => {
    try { say(""); await action(...given); } catch (mistake) { say(mistake.message, true); }
  };
}
