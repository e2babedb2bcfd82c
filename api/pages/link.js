"use strict";
// The page works without this: here come the full-screen viewer, and what is newly published, without a reload.
(() => {
  const base = document.body.dataset.base;
  let state = document.body.dataset.state;
  const live = document.getElementById("live");

  const dialog = document.createElement("dialog");
  dialog.className = "viewer";
  dialog.setAttribute("aria-label", "Photo");
  dialog.innerHTML = '<figure tabindex="-1" autofocus><img alt=""><figcaption></figcaption></figure><nav><button type="button" data-go="-1">Previous</button><button type="button" data-go="1">Next</button><button type="button" data-close>Close</button></nav>';
  document.body.append(dialog);
  const image = dialog.querySelector("img");
  const caption = dialog.querySelector("figcaption");
  let at = 0;
  const photos = () => [...document.querySelectorAll("a[data-photo]")];
  const show = (n) => {
    const all = photos();
    if (!all.length) return;
    at = (n + all.length) % all.length;
    const a = all[at];
    image.src = a.href;
    image.alt = a.querySelector("img").alt;
    caption.textContent = (at + 1) + " of " + all.length + " · " + a.dataset.caption + " · ";
    const link = (href, text) => { const l = document.createElement("a"); l.href = href; l.textContent = text; caption.append(l, " "); };
    link(a.dataset.verify, "Verify");
    if (a.dataset.original) link(a.dataset.original, "Original");
    // A link of the caption that had the focus is gone with it.
    if (dialog.open && !dialog.contains(document.activeElement)) dialog.querySelector("[autofocus]").focus();
    const next = all[(at + 1) % all.length];
    new Image().src = next.href;
  };
  document.addEventListener("click", (e) => {
    const a = e.target.closest("a[data-photo]");
    if (!a || e.ctrlKey || e.metaKey || e.shiftKey || !dialog.showModal) return;
    e.preventDefault();
    show(photos().indexOf(a));
    dialog.showModal();
  });
  dialog.addEventListener("click", (e) => {
    const b = e.target.closest("button");
    if (!b) return;
    if (b.dataset.go) show(at + Number(b.dataset.go));
    else dialog.close();
  });
  dialog.addEventListener("keydown", (e) => {
    if (e.key === "ArrowLeft") show(at - 1);
    if (e.key === "ArrowRight") show(at + 1);
  });
  dialog.addEventListener("close", () => { const a = photos()[at]; if (a) a.focus(); });
  let from = null;
  dialog.addEventListener("touchstart", (e) => { from = e.touches[0].clientX; }, { passive: true });
  dialog.addEventListener("touchend", (e) => {
    const moved = e.changedTouches[0].clientX - from;
    if (Math.abs(moved) > 60) show(at + (moved < 0 ? 1 : -1));
  });

  const writing = () => { const t = document.getElementById("text"); return t && t.value !== ""; };
  const look = async () => {
    if (document.hidden || dialog.open || writing()) return;
    const answer = await fetch(base + "/state", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const now = await answer.json();
    if (now.state === state) return;
    const had = photos().length;
    const page = await fetch(base);
    if (!page.ok) return;
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
    const main = fresh.getElementById("main");
    if (!main) return;
    document.getElementById("main").replaceWith(main);
    state = fresh.body.dataset.state;
    const more = photos().length - had;
    live.textContent = more > 0 ? more + (more === 1 ? " new photo has" : " new photos have") + " arrived." : "The page was brought up to date.";
    setTimeout(() => { live.textContent = ""; }, 8000);
  };
  setInterval(() => look().catch(() => {}), 5000);
})();
