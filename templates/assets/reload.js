// In development alone: loads the page again when an insight has changed, or
// when the server has come back.
const events = new EventSource("/_events");
let opened = false;
events.onmessage = () => location.reload();
events.onopen = () => {
  if (opened) location.reload();
  opened = true;
};
