"use strict";
// The page can be read without this. Here come the handle between before and after, the full-screen viewer, and what is newly
// published, without a reload.
(() => {
  const { base, more, moreOne, news, show: showWord, place } = document.body.dataset;
  let state = document.body.dataset.state;

  const pairs = () => {
    for (const pair of document.querySelectorAll(".Pair:not(.on)")) {
      const range = pair.querySelector("input");
      if (!CSS.supports("clip-path", "inset(0 0 0 50%)")) continue;
      pair.classList.add("on");
      const moved = () => {
        pair.style.setProperty("--at", range.value + "%");
        range.setAttribute("aria-valuetext", range.dataset.seen.replace("{n}", range.value).replace("{rest}", 100 - range.value));
      };
      range.addEventListener("input", moved);
      moved();
    }
  };
  pairs();

  const dialog = document.querySelector("dialog.Viewer");
  const part = (name) => dialog.querySelector("[data-" + name + "]");
  const photos = () => [...document.querySelectorAll("a[data-photo]")];
  const before = (a) => {
    const set = a.closest(".set");
    const first = set && set.querySelector('a[data-photo][data-kind="before" i]');
    return first && first !== a ? first : null;
  };
  let at = 0, both = false;
  const show = (n) => {
    const all = photos();
    if (!all.length) return;
    at = (n + all.length) % all.length;
    const a = all[at], partner = before(a);
    part("both").hidden = !partner;
    part("both").setAttribute("aria-pressed", String(both && !!partner));
    part("frame").replaceChildren(...(both && partner ? [partner, a] : [a]).map((l) => {
      const image = new Image();
      image.src = l.href;
      image.alt = l.querySelector("img").alt;
      return image;
    }));
    part("where").textContent = a.dataset.where;
    part("count").textContent = place.replace("{n}", at + 1).replace("{all}", all.length);
    part("say").replaceChildren(a.closest("figure").querySelector("figcaption > span").cloneNode(true));
    part("check").href = a.dataset.verify;
    part("own").hidden = !a.dataset.original;
    if (a.dataset.original) part("own").href = a.dataset.original;
    // What had the focus may be hidden now.
    if (dialog.open && !dialog.contains(document.activeElement)) part("frame").focus();
    new Image().src = all[(at + 1) % all.length].href;
  };
  document.addEventListener("click", (e) => {
    const a = e.target.closest("a[data-photo], a[data-compare]");
    if (!a || e.ctrlKey || e.metaKey || e.shiftKey || !dialog.showModal) return;
    e.preventDefault();
    both = a.matches("[data-compare]");
    const set = [...(a.closest(".set") || document).querySelectorAll("a[data-photo]")];
    const after = set.find((l) => l.dataset.kind.toLowerCase() === "after") || set.at(-1);
    show(photos().indexOf(both ? after : a));
    dialog.showModal();
  });
  dialog.addEventListener("click", (e) => {
    const b = e.target.closest("button");
    if (!b) return;
    if (b.dataset.go) show(at + Number(b.dataset.go));
    else if ("both" in b.dataset) { both = !both; show(at); }
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

  // What arrives never moves what is read: it is said, and shown when somebody asks for it.
  const live = document.getElementById("live");
  let waiting = null, toast = null;
  const bring = () => {
    const known = new Set(photos().map((a) => a.href));
    document.getElementById("main").replaceWith(waiting.main);
    state = waiting.state;
    waiting = null;
    toast.remove();
    toast = null;
    pairs();
    const fresh = photos().filter((a) => !known.has(a.href));
    for (const a of fresh) a.classList.add("new");
    if (fresh[0]) { fresh[0].scrollIntoView({ block: "center" }); fresh[0].focus(); }
  };
  const typed = () => ["author", "text"].map((id) => document.getElementById(id)).filter(Boolean);
  const look = async () => {
    if (document.hidden) return;
    const answer = await fetch(base + "/state", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const now = await answer.json();
    if (now.state === (waiting ? waiting.state : state)) return;
    const page = await fetch(base);
    if (!page.ok) return;
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
    const main = fresh.getElementById("main");
    if (!main) return;
    const known = new Set(photos().map((a) => a.href));
    const count = [...main.querySelectorAll("a[data-photo]")].filter((a) => !known.has(a.href)).length;
    const text = count === 0 ? news : count === 1 ? moreOne : more.replace("{n}", count);
    waiting = { main, state: fresh.body.dataset.state };
    if (!toast) {
      toast = document.createElement("div");
      toast.className = "Toast";
      toast.setAttribute("role", "region");
      toast.setAttribute("aria-label", news);
      const said = document.createElement("span"), button = document.createElement("button");
      button.type = "button";
      button.className = "Button primary";
      button.textContent = showWord;
      button.addEventListener("click", () => {
        const words = typed().map((field) => [field.id, field.value]); // a comment that is being written is never lost
        bring();
        for (const [id, value] of words) { const field = document.getElementById(id); if (field) field.value = value; }
      });
      toast.append(said, button);
      document.body.append(toast);
    }
    toast.firstChild.textContent = text;
    if (live.textContent !== text) live.textContent = text;
  };
  setInterval(() => look().catch(() => {}), 5000);
})();
