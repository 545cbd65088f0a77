// What every screen needs: times that go on, whether the page is live, dialogs, keys. All else is rendered by Andon.
const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const on = (kinds, act, how) => kinds.split(" ").forEach((kind) => document.addEventListener(kind, act, how));
function duration(length) {
  const s = Math.max(0, Math.floor(length)), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
  if (h < 1) return m < 1 ? `${s} s` : `${m} min`;
  if (h <= 24) return `${h} h` + (m % 60 ? ` ${m % 60} min` : "");
  return `${d} day${d > 1 ? "s" : ""}` + (h % 24 ? ` ${h % 24} h` : "");
}
const onClock = (date, more = {}) => date.toLocaleTimeString("en-GB",
  { timeZone: document.body.dataset.zone, hour: "2-digit", minute: "2-digit", ...more });
function tickTimes() {
  for (const time of $$("time[data-since], time[data-ago], time[data-until]")) {
    const past = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if ("since" in time.dataset) time.textContent = duration(past);
    else if ("until" in time.dataset) time.textContent = duration(-past);
    else if (past < 86400) time.textContent = `${duration(past)} ago`;
  }
  for (const clock of $$("[data-clock]")) clock.textContent = onClock(new Date());
}
setInterval(tickTimes, 10_000);
const day = { weekday: "short", day: "numeric", month: "short" };
on("pointerover", ({ target }) => { if (target.dateTime) target.title = onClock(new Date(target.dateTime),
  { ...day, year: "numeric", second: "2-digit", timeZoneName: "short" }); }); // a shorter time, pointed at, says all
// Live: the stream says "tick" at least every 10 s. A hidden tab rests; then nothing is out of date to anybody.
let heard = Date.now(), cut = 0; const live = "[hx-sse\\:connect]", isStream = ({ target }) => target.matches?.(live);
on("tick", () => { heard = Date.now(); showLive(); });
on("visibilitychange", () => { if (!document.hidden) { heard = Date.now(); tickTimes(); } });
function showLive() {
  if (!$(live) || document.hidden) return;
  const silent = (Date.now() - heard) / 1000, at = onClock(new Date(heard), { second: "2-digit" });
  for (const place of $$("[data-live]"))
    place.textContent = silent < 15 ? `Live, updated ${at}` : `Reconnecting, last update ${at}`;
  if (silent >= 40 && Date.now() - cut > 40_000) { // a stream that never began is not made again by itself
    cut = Date.now(); $(live)._htmx?.sse?.reader?.cancel(); htmx.trigger($(live), "again"); }
  $("#offline").hidden = silent < 40; document.body.classList.toggle("is-stale", silent >= 40);
  $("#offline time").textContent = at;
}
setInterval(showLive, 5_000);
// What comes waits while somebody works on the list, and is said: in words beside it, aloud at most every 10 s.
let touched = 0, told = 0;
const touch = () => { touched = Date.now(); }, idle = () => Date.now() - touched > 30_000;
on("pointerdown wheel keydown", touch, { capture: true, passive: true });
const listed = (place = document) => place ? $$("[data-row]", place) : [];
const newOnes = (many, critical) => `${many} new` + (critical ? `, ${critical} critical` : "");
const tell = (place, words, urgent) => (urgent || Date.now() - told > 10_000)
  && Object.assign(place, { textContent: words }) && (told = Date.now());
on("htmx:before:request htmx:sse:before:connection htmx:sse:after:connection", (event) => { if (document.hidden &&
  isStream(event)) { event.preventDefault(); event.detail.connection?.abortController.abort(); } }); // it rests
on("htmx:before:morph:node", ({ detail: { oldNode: old, newNode: made } }) => { // what changed is lit
  if (old.matches?.(".flash") && old.textContent !== made.textContent) made.classList.add("changed"); });
on("htmx:after:request", ({ detail: { ctx } }) => { // the stream was first and took what was pressed away
  if (ctx.target?.isConnected === false) Object.assign(ctx, { target: document.body, swap: "none" }); });
on("htmx:before:morph:attr", (event) => { if (event.detail.attrName === "aria-selected") event.preventDefault(); });
// What failed is said.
const say = (sentence) => { ($("dialog[open] .answer") ?? $("#said")).innerHTML =
  `<p class="said said-failed" role="alert">${sentence}</p>`; };
on("htmx:error", (event) => isStream(event) || say("Not done: no connection to Andon. Nothing was changed."));
on("htmx:sse:error", (event) => { if (event.detail.status === 401) location.reload(); }); // logged out
on("htmx:response:error", (event) => { const { headers, status } = event.detail.ctx.response.raw;
  if (!headers.get("Andon-Said") && !isStream(event)) say(`Not done: the server answered ${status}.`); });
// Dialogs: what is put into #dialog opens it, nothing in it closes it. The tab's title counts what nobody has.
const title = document.title.replace(/^\(\d+\) /, "");
on("htmx:after:swap", () => {
  tickTimes();
  const count = $("#bar-count")?.dataset.count, dialog = $("#dialog");
  document.title = count ? `(${count}) ${title}` : title;
  if (!dialog.childElementCount) dialog.close();
  else if (!dialog.open) dialog.showModal();
});
$("#dialog").addEventListener("close", () => $("#dialog").replaceChildren());
on("click", ({ target }) => {
  if (target.closest("[data-close]") || target.matches("dialog")) target.closest("dialog").close();
  const copy = target.closest("[data-copy]"), href = copy && new URL(copy.dataset.copy, document.baseURI).href;
  if (copy) (navigator.clipboard?.writeText(href) ?? Promise.reject()).then(() => { copy.lastChild.data = "Copied"; },
    () => say(`Not copied, this browser does not allow it. The address is ${href}`)); // it holds no markup
});
// What this browser keeps: theme, density, single keys.
for (const input of $$("[data-keep]")) input.value = kept(input.dataset.keep) ?? input.value;
on("change", ({ target: { value, dataset: { keep } } }) => {
  if (keep) localStorage.setItem(`andon-${keep}`, document.documentElement.dataset[keep] = value);
});
// Keys. Rows are [data-row]; what a key presses is [data-press=…], in the focused row before anywhere else.
let go = 0;
const selected = () => $("[data-row][aria-selected=true]");
const current = () => document.activeElement.closest("[data-row]") ?? selected();
function select(row) {
  selected()?.removeAttribute("aria-selected"); row.setAttribute("aria-selected", "true");
  ($("a[data-open]", row) ?? row).focus({ focusVisible: true });
}
function press(key) {
  const row = current(), wanted = `[data-press=${key}]`;
  const target = (row && $(wanted, row)) ?? $$(wanted).find((one) => !one.closest("[data-row]"));
  target?.focus(); target?.click(); return target;
}
on("keydown", (event) => {
  const writes = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (writes || event.ctrlKey || event.metaKey || event.altKey || kept("keys") === "off" || $("dialog[open]")) return;
  const key = event.key.toLowerCase(), list = listed().filter((row) => row.offsetParent);
  const arrows = !event.target.closest("[popover], .segments, [data-chart]");
  const step = { j: 1, k: -1, arrowdown: +arrows, arrowup: -arrows }[key], to = list.indexOf(current()) + step;
  if (go && Date.now() - go < 1500) { go = 0; $(`.tab[data-key="${key}"]`)?.click(); return; }
  if (key === "g") go = Date.now();
  else if (key === "?") $("#keys").showModal();
  else if (key === "/") ($("[type=search]") ?? $(".tab-journal")).focus();
  else if (key === "escape") { for (const box of $$("[data-row] :checked")) box.click(); return; }
  else if (step && list.length) select(list[Math.max(0, Math.min(list.length - 1, to))]);
  else if (key.length !== 1 || !"xasfnp".includes(key) || !press(key)) return;
  event.preventDefault();
});
