"use strict";
// Without this script everything works. With it, times also tell the reader's own clock, and commands copy at a click.
for (const time of document.querySelectorAll("time[title]")) {
  const date = new Date(time.dateTime);
  if (!Number.isNaN(date.getTime())) {
    const here = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(date);
    time.title += ` (${here} here)`;
  }
}
if (navigator.clipboard) {
  for (const code of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${code.textContent.slice(0, 80)}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    (code.closest("a") || code).after(" ", button);
  }
}
