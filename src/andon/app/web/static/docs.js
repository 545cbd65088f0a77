// The API's description as a page to read and to try. Requests carry what forms of the page carry, too.
const { description: url, csrf } = document.querySelector("#docs").dataset;
const requestInterceptor = (asked) => { const own = csrf && new URL(asked.url, location).origin === location.origin;
  if (own) asked.headers["X-CSRF-Token"] = csrf; return asked; };
SwaggerUIBundle({ url, dom_id: "#docs", validatorUrl: null, defaultModelsExpandDepth: 0, requestInterceptor });
