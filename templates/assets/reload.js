// In development alone: loads the page again when an insight has changed, or
// when the server has come back.
const events = new EventSource(new URL("../_events", document.currentScript.src));
let opened = false;
events.onmessage = () => location.reload();
events.onopen = () => {
  if (opened) location.reload();
  opened = true;
};
// A page that was left may live on in the browser's cache. It must not keep its
// connection: a browser has six for a site, and the seventh page would wait.
addEventListener("pagehide", () => events.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
