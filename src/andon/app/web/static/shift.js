// Printing: the button, and when it was.
addEventListener("beforeprint", () => { for (const place of $$("[data-printed]"))
  place.textContent = onClock(new Date(), { day: "numeric", month: "short", year: "numeric" }); });
on("click", ({ target }) => target.closest("[data-print]") && print());
