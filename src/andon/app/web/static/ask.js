// A question goes out as "question"; its field empties once the answer begins, else it can be asked again.
const form = $("#ask-form"), field = $("#question");
if (form) field.name = "question";
form?.addEventListener("htmx:sse:after:connection", () => { $("#examples")?.remove(); field.value = ""; });
