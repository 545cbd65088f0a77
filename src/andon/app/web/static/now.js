// Now: new rows wait until they are asked for, or until nobody looks closely; nothing moves under a finger.
const wall = "wall" in document.documentElement.dataset, spoken = new Set();
const ticked = () => $$("#list [name=row]:checked"), untick = () => ticked().forEach((box) => box.click());
const order = () => $("#order").value.trim().split("\n").filter(Boolean).map((line) => line.split("|"));
const critical = (rows) => rows.filter((one) => one[1] === "CRITICAL").length;
let held = 0, down = false, inside, mark;
const busy = () => (down || $(":popover-open, dialog[open]") ? held = Date.now() : Date.now()) - held < 2000;
on("pointermove pointerup focusin change", touch);
on("pointerdown pointerup pointercancel", ({ type }) => { down = type.endsWith("down"); held = Date.now(); });
function look() { // what waits, how many are ticked, what a wall has no room for; it is read out at most every 10 s
  const fresh = order().filter(([id]) => !document.getElementById(`row-${id}`));
  $("#new span").textContent = newOnes(fresh.length, critical(fresh));
  $("#new").classList.toggle("is-empty", !fresh.length);
  for (const place of $$("[data-ticked]")) place.textContent = ticked().length;
  const rows = wall ? listed($("#list")) : [];
  rows.forEach((row) => { row.hidden = false; });
  const over = rows.filter((row) => row.getBoundingClientRect().bottom > innerHeight - 40);
  over.forEach((row) => { row.hidden = true; });
  $("#over").textContent = over.length ? `and ${over.length} more` : "";
  const unsaid = fresh.filter(([id]) => !spoken.has(id)), urgent = critical(unsaid), n = urgent || unsaid.length;
  const at = [...new Set(unsaid.map(([,, at]) => at))], kind = `${urgent ? "critical " : ""}problem${n > 1 ? "s" : ""}`;
  const words = `${n} new ${kind}${at.length === 1 ? ` on ${at[0]}` : ""}`;
  if (n && tell($(urgent ? "#urgent" : "#polite"), words, urgent)) unsaid.forEach(([id]) => spoken.add(id));
}
setInterval(() => {
  const shown = $$("#list ol:not(:last-of-type) > li").map((row) => row.id.slice(4)).join();
  const alone = idle() && !ticked().length && $("#list").getBoundingClientRect().top > 0;
  if (!document.hidden && !busy() && (wall || alone) && shown !== order().map(([id]) => id).join()) $("#new").click();
}, 1_000);
on("htmx:sse:before:message", (event) => { if (busy()) event.detail.waitUntil(new Promise((go) => {
  const timer = setInterval(() => { heard = Date.now(); if (!busy()) go(clearInterval(timer)); }, 250); })); });
on("htmx:before:swap", () => { mark = selected()?.id; inside = document.activeElement.closest("[data-row]")?.id; });
on("htmx:after:swap", () => { look(); document.getElementById(mark)?.setAttribute("aria-selected", "true");
  if (document.activeElement === document.body) $(`#${inside} a`)?.focus(); }); // a row that is made anew is the same
on("htmx:finally:request", ({ target }) => target.matches?.(".bulk [data-busy], #dialog form") && untick());
on("change click", ({ type, target }) => {
  if (target.matches("[data-all]")) $$("#list [name=row]").forEach((box) => { box.checked = target.checked; });
  if (target.closest("[data-clear]")) untick();
  const row = type === "click" && !target.closest("a, button, label") && target.closest("#list .row");
  look(); if (row) select(row);
});
on("focusin", ({ target }) => { // what S and F are about, and what the panel of a wide screen shows
  const id = target.closest?.("#list [data-row]")?.id.slice(4);
  if (!id || $("#chosen").value === id) return;
  $("#chosen").value = id;
  if (innerWidth >= 1600) htmx.ajax("GET", `now/panel?row=${id}`, { target: "#panel", swap: "outerMorph" });
});
$("#row-menu").addEventListener("toggle", (event) => event.newState === "closed" && event.target.replaceChildren());
touch(); look();
