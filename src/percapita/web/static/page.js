// Keys: g and a letter lead to a page, ? lists them. Choosing in a form asks at once.
"use strict";
(() => {
  const keys = document.getElementById("keys");
  let led = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea")) return;
    if (event.key === "?") keys.showModal();
    else if (event.key === "g") led = event.timeStamp;
    else if (event.timeStamp - led < 1500) {
      const link = [...document.querySelectorAll("a[data-key]")].find((a) => a.dataset.key === event.key);
      if (link) link.click();
      led = 0;
    }
  });
  for (const form of document.querySelectorAll("form.ask")) {
    // An empty field says nothing: it stays out of the address.
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    });
    form.addEventListener("change", (event) => {
      if (event.target.tagName === "SELECT") form.requestSubmit();
    });
  }
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form.ask :disabled")) field.disabled = false;
  });
})();
