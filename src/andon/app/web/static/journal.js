// The journal: records that come wait until the reader wants them, 500 rows stay, a row opens in place.
const body = $("#rows"), arrived = $("#arrived"), news = $("#news"), pause = $("#pause");
const shown = () => listed(body), at = (row) => $("time", row)?.dateTime ?? "";
let unseen = 0, atTop = true;
on("scroll", () => { atTop = scrollY < 8; }, { passive: true }); // asked elsewhere it costs a layout
function show() {
  if (unseen) body.insertAdjacentHTML("afterbegin", `<tr class="gap"><td colspan="3" data-more="${unseen}"></td></tr>`);
  for (const row of listed(arrived).reverse()) // in the order of time, also what came late
    body.insertBefore(row, [...body.rows].find((one) => !one.matches(".detail") && at(one) <= at(row)) ?? null);
  const over = shown().length > 500, last = shown()[499], older = $("#older a"), next = older.getAttribute("hx-get");
  while (over && last.nextElementSibling) last.nextElementSibling.remove();
  if (over) older.setAttribute("hx-get", next.replace(/before=[^&]*/, `before=${at(last)},${last.id.slice(1)}`));
  $("#older").hidden &&= !over; arrived.replaceChildren(); unseen = 0; count();
}
function count() {
  const surplus = [...$$(".gap", arrived), ...listed(arrived).slice(200)];
  for (const row of surplus) { unseen += +(row.dataset.more ?? 1); row.remove(); }
  const many = unseen + arrived.rows.length;
  news.hidden = !many; news.lastChild.textContent = newOnes(many, $$(".sev-critical", arrived).length);
  if (many) tell($("#heard"), `${many} new record${many === 1 ? "" : "s"}`);
  if (many && !pause.checked && atTop && idle() && !$(".detail, :popover-open, dialog[open]")) show();
  for (const number of $$("#shown")) number.textContent = shown().length;
}
on("htmx:after:swap", () => { // older ones beyond what stays: the newest leave, no new ones come
  const over = shown().slice(0, -500), rest = shown().at(-500);
  while (over.length && body.firstElementChild !== rest) body.firstElementChild.remove();
  if (over.length && pause) pause.checked = true;
  if (arrived) count();
});
news?.addEventListener("click", () => { show(); scrollTo(0, 0); });
pause?.addEventListener("change", () => { touched = 0; count(); });
on("click", (event) => {
  const [row, other] = ["tr[data-row]", "a:not([data-open]), button"].map((one) => event.target.closest(one));
  const below = row?.nextElementSibling;
  if (!row || other || event.ctrlKey || event.metaKey || String(getSelection())) return;
  event.preventDefault(); select(row);
  if (below?.matches(".detail")) below.remove();
  else htmx.ajax("GET", `records/${row.id.slice(1)}/detail`, { target: row, swap: "afterend" });
});
