// What the page does without its server: it notices when that is gone, and copies answers.
() => {
  const SECONDS_BETWEEN_LOOKS = 3;
  const SECONDS_OF_PATIENCE = 10;
  const BUSY = '[data-state="running"], [data-state="loading"]';
  const PROMPT = "hf-recipes:prompt";
  const { root, api_prefix, app_id } = window.gradio_config;
  const prompt = () => document.querySelector("#prompt textarea");

  /** Whether the server that gave this page is there, and the same one. */
  const served = async () => {
    try {
      const signal = AbortSignal.timeout(1000 * SECONDS_OF_PATIENCE);
      const answer = await fetch(`${root}${api_prefix}/app_id`, { cache: "no-store", signal });
      return answer.ok && (await answer.json()).app_id === app_id;
    } catch {
      return false;
    }
  };

  // gradio says so too, but not where the server has ended in good order, and never in the panes.
  const look = async () => {
    if (document.querySelector(BUSY) && !(await served())) document.querySelectorAll(BUSY).forEach(interrupted);
    const lost = document.querySelector("#lost .hr-lost");
    if (lost) lost.hidden = !document.querySelector('[data-state="lost"]');
    setTimeout(look, 1000 * SECONDS_BETWEEN_LOOKS);
  };

  const interrupted = (pane) => {
    pane.dataset.state = "lost"; // an answer that goes on all the same puts this right again
    const badge = pane.querySelector(".badge.live");
    badge?.replaceChildren("interrupted");
    badge?.classList.remove("live");
  };

  const copied = async (button) => {
    const text = button.closest(".pane, .said").querySelector("[data-text]").dataset.text;
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      done = oldCopy(text); // a page that is neither local nor https has no clipboard
    }
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
    button.focus();
  };

  const oldCopy = (text) => {
    const box = document.createElement("textarea");
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches("[data-copy]")) copied(button);
    if (button?.matches("[data-reload]")) location.reload();
  });

  // A page that is loaded again, by a person or by gradio once its server is back, has what was typed.
  window.addEventListener("pagehide", () => sessionStorage.setItem(PROMPT, prompt()?.value ?? ""));
  const kept = sessionStorage.getItem(PROMPT);
  if (kept && prompt() && !prompt().value) {
    prompt().value = kept;
    prompt().dispatchEvent(new Event("input", { bubbles: true }));
  }
  // Where the server cannot be asked from the beginning (a browser without its cookie), silence means nothing.
  served().then((there) => { if (there) look(); });
}
