// A choice within a page loads only what it changes: the address is asked as ever, and its content
// takes the place of what is shown. Without this file forms are sent and links are followed.
"use strict";
(() => {
  const SLOW = 150; // Milliseconds after which a reader is told that the answer is on its way.
  const said = document.getElementById("said");
  let shown = location.href;
  let asking = null;
  if (document.getElementById("stream")) return;

  const main = () => document.getElementById("content");
  const plain = (address) => address.split("#")[0];
  const program = (page) => page.querySelector("script[src]")?.getAttribute("src");

  // What has the focus is found again by its key, or as the nth field of its name.
  const held = () => {
    const now = document.activeElement;
    if (!main().contains(now) || now === main()) return () => null;
    if (now.dataset.keep) {
      return (to) => [...to.querySelectorAll("[data-keep]")].find((one) => one.dataset.keep === now.dataset.keep);
    }
    if (!now.form) return () => undefined;
    const alike = (within) => [...within.querySelectorAll(now.tagName)].filter((one) => one.name === now.name && one.type !== "hidden");
    const place = alike(main()).indexOf(now);
    return (to) => alike(to)[place];
  };

  const put = (page, top) => {
    const again = held();
    const fresh = page.getElementById("content");
    for (const one of main().querySelectorAll("details[id]")) {
      const same = page.getElementById(one.id);
      if (same) same.open = one.open;
    }
    main().replaceWith(document.adoptNode(fresh));
    document.title = page.title;
    const focus = again(main());
    focus?.focus({ preventScroll: true });
    // Whose link is gone reads on at the top of what it led to.
    if (focus === undefined) main().focus({ preventScroll: true });
    if (top !== null || focus === undefined) scrollTo(0, top ?? 0);
    said.textContent = main().querySelector("h1")?.textContent ?? page.title;
    document.dispatchEvent(new Event("swapped"));
  };

  const show = async (address, { pushed, top = null }) => {
    asking?.abort();
    const mine = (asking = new AbortController());
    const waiting = setTimeout(() => {
      main().setAttribute("aria-busy", "true");
      said.textContent = "Working it out …";
    }, SLOW);
    try {
      const reply = await fetch(address, { signal: mine.signal, headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      // Another page, or one of a newer version, is loaded whole.
      if (reply.redirected || program(page) !== program(document) || !page.getElementById("content")) throw new Error("whole");
      if (asking !== mine) return;
      if (pushed) {
        history.replaceState({ top: scrollY }, "");
        history.pushState(null, "", address);
      }
      shown = location.href;
      put(page, top);
    } catch {
      if (asking === mine) pushed ? location.assign(address) : location.reload();
    } finally {
      clearTimeout(waiting);
      if (asking === mine) main().removeAttribute("aria-busy");
    }
  };

  const here = (address) => address.origin === location.origin && address.pathname === location.pathname;

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const address = new URL(form.action);
    if (!form.matches("form.ask") || form.method !== "get" || !here(address)) return;
    event.preventDefault();
    // An empty field says nothing: it stays out of the address.
    address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    show(address.href, { pushed: true });
  });

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest("main a[href]");
    if (!link || link.target || link.hasAttribute("download")) return;
    const address = new URL(link.getAttribute("href") ?? link.href.baseVal, location.href);
    if (!here(address) || address.hash) return;
    event.preventDefault();
    show(address.href, { pushed: true });
  });

  addEventListener("popstate", (event) => {
    if (plain(location.href) === plain(shown)) return;
    show(location.href, { pushed: false, top: event.state?.top ?? 0 });
  });
})();
