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
  document.addEventListener("change", (event) => {
    if (event.target.matches("form.ask select")) event.target.form.requestSubmit();
  });
  const copied = (block) => {
    const button = document.createElement("button");
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = "Copied";
    });
    block.append(button);
  };
  const dress = () => (navigator.clipboard ? document.querySelectorAll("pre.copy:not(:has(button))") : []).forEach(copied);
  document.addEventListener("swapped", dress);
  dress();
  const state = document.getElementById("stream");
  if (state) {
    // The figures follow the stream; charts, endpoints and silent meters come from the server, once a minute.
    const parts = ["hours", "endpoints", "silent"];
    const ages = [[120, 1, "s"], [7200, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "days"]];
    const at = (from, path) => path.split(".").reduce((found, key) => found?.[key] ?? null, from);
    const written = (node, value) => {
      if (node.dataset.kind === "name") return value ?? "not known";
      if (value === null) return "\u2014";
      if (node.dataset.kind === "time") return String(value).slice(0, 19).replace("T", " ");
      if (node.dataset.kind === "age") {
        const [, size, word] = ages.find(([below]) => value < below);
        return `${Math.floor(value / size)} ${word} ago`;
      }
      const size = Math.abs(value);
      let places = Number(node.dataset.places);
      // Below a cent: the digits that it has, as numbers.least_places counts them.
      if (size && size < 10 ** -places) places = Math.min(2 - Math.floor(Math.log10(size)), 12);
      const text = size.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
      return (Number(value) < 0 ? "\u2212" : "") + text;
    };
    const source = new EventSource(state.dataset.stream);
    source.addEventListener("open", () => { state.textContent = "live"; state.className = "good"; });
    source.addEventListener("error", () => { state.textContent = "reconnecting …"; state.className = "warn"; });
    source.addEventListener("live", (event) => {
      const now = JSON.parse(event.data);
      for (const node of document.querySelectorAll("[data-live]")) {
        const value = at(now, node.dataset.live);
        node.textContent = written(node, value);
        // Pointed at, a figure shows all its digits.
        if (node.matches("data")) node.value = node.title = value ?? "";
      }
    });
    setInterval(async () => {
      const reply = await fetch(location.href).catch(() => null);
      if (!reply?.ok) return;
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      for (const part of parts) {
        const found = fresh.getElementById(part);
        if (found) document.getElementById(part)?.replaceWith(found);
      }
    }, 60000);
  }
})();
