"use strict";
// The copy is hashed here, in the browser: it is sent nowhere.
(() => {
  const hashes = [...document.querySelectorAll("[data-hash]")].map((e) => e.dataset.hash);
  const outcome = document.getElementById("outcome");
  const drop = document.getElementById("drop");

  // crypto.subtle is there on secure origins only; a plain address in a firm's own network has to do without.
  const K = new Uint32Array(64);
  (() => {
    let n = 0;
    for (let c = 2; n < 64; c++) {
      let prime = true;
      for (let d = 2; d * d <= c; d++) if (c % d === 0) { prime = false; break; }
      if (prime) { const r = Math.cbrt(c); K[n++] = Math.floor((r - Math.floor(r)) * 4294967296); }
    }
  })();
  const rotate = (x, n) => (x >>> n) | (x << (32 - n));
  const slowly = (bytes) => {
    const h = new Uint32Array([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]);
    const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(bytes.length / 536870912));
    view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0);
    const w = new Uint32Array(64);
    for (let at = 0; at < padded.length; at += 64) {
      for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + 4 * i);
      for (let i = 16; i < 64; i++) {
        const s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >>> 3);
        const s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >>> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
      }
      let [a, b, c, d, e, f, g, k] = h;
      for (let i = 0; i < 64; i++) {
        const t1 = (k + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const t2 = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        k = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      [a, b, c, d, e, f, g, k].forEach((v, i) => { h[i] += v; });
    }
    return [...h].map((v) => v.toString(16).padStart(8, "0")).join("");
  };
  const sha256 = async (buffer) => {
    if (!window.crypto || !crypto.subtle) return slowly(new Uint8Array(buffer));
    return [...new Uint8Array(await crypto.subtle.digest("SHA-256", buffer))].map((b) => b.toString(16).padStart(2, "0")).join("");
  };
  const words = document.body.dataset, { yours, theirs } = words;
  const title = document.querySelector("h1"), asked = title.textContent;
  // The verdict stands where the copy was chosen, and above all.
  const say = (text, verdict) => {
    title.textContent = document.title = verdict ? words[verdict + "Title"] : asked;
    outcome.className = verdict ? "out" : "";
    drop.className = "Drop" + (verdict ? verdict === "same" ? " good" : " bad" : "");
    const said = document.createElement("p");
    if (verdict) {
      const head = document.createElement("b");
      head.textContent = words[verdict + "Head"];
      said.append(head, " ");
    }
    said.append(text);
    outcome.replaceChildren(...(verdict ? [document.getElementById("mark").content.cloneNode(true)] : []), said);
  };
  const both = document.getElementById("both");
  const figure = (src, caption) => {
    const f = document.createElement("figure"), image = new Image(), under = document.createElement("figcaption");
    image.src = src;
    image.alt = under.textContent = caption;
    f.append(image, under);
    image.addEventListener("error", () => f.remove()); // no picture of this browser's
    return f;
  };
  let copy = "";
  const compare = async (file) => {
    if (!file) return;
    both.hidden = true;
    both.replaceChildren();
    if (copy) URL.revokeObjectURL(copy);
    say(words.working.replace("{name}", file.name));
    try {
      const same = hashes.includes(await sha256(await file.arrayBuffer()));
      say((same ? words.same : words.differs).replace("{name}", file.name), same ? "same" : "differs");
      const original = document.querySelector("[data-original]");
      if (!same && original) {
        copy = URL.createObjectURL(file);
        both.append(figure(original.src, theirs), figure(copy, yours));
        both.hidden = false;
      }
      outcome.scrollIntoView({ block: "nearest" });
    } catch (e) {
      say(words.unreadable.replace("{why}", e.message));
    }
  };
  document.getElementById("copy").addEventListener("change", (e) => compare(e.target.files[0]));
  for (const kind of ["dragover", "drop"]) drop.addEventListener(kind, (e) => e.preventDefault());
  drop.addEventListener("drop", (e) => compare(e.dataTransfer.files[0]));
})();
