// The 25 bytes of a photo's placeholder, drawn: a ThumbHash (evanw.github.io/thumbhash), which the server makes without alpha.
// A page that needs a few hundred of them needs no library for it, and no data: address, which the policy refuses.

/** The pixels (RGBA) of a placeholder, upright; null where there is none. */
export function pixelsOf(placeholder: string): ImageData | null {
  if (!placeholder) return null;
  const hash = Uint8Array.from(atob(placeholder), (c) => c.charCodeAt(0));
  const byte = (i: number) => hash[i] ?? 0;
  const head = byte(0) | (byte(1) << 8) | (byte(2) << 16);
  const more = byte(3) | (byte(4) << 8);
  const landscape = more >> 15 === 1;
  const short = more & 7;
  let at = 0;
  const waves = (nx: number, ny: number, scale: number) => {
    const found: [number, number, number][] = [];
    for (let cy = 0; cy < ny; cy++)
      for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx++, at++) found.push([cx, cy, (((byte(5 + (at >> 1)) >> ((at & 1) << 2)) & 15) / 7.5 - 1) * scale * 2]);
    return found;
  };
  const light = waves(Math.max(3, landscape ? 7 : short), Math.max(3, landscape ? short : 7), ((head >> 18) & 31) / 31);
  const yellow = waves(3, 3, (((more >> 3) & 63) / 63) * 1.25);
  const red = waves(3, 3, (((more >> 9) & 63) / 63) * 1.25);

  const ratio = (landscape ? 7 : Math.max(1, short)) / (landscape ? Math.max(1, short) : 7);
  const w = Math.round(ratio > 1 ? 24 : 24 * ratio);
  const h = Math.round(ratio > 1 ? 24 / ratio : 24);
  const cosines = (n: number) => Array.from({ length: n }, (_, i) => Array.from({ length: 7 }, (_, c) => Math.cos((Math.PI / n) * (i + 0.5) * c)));
  const across = cosines(w);
  const down = cosines(h);
  const sum = (mean: number, list: [number, number, number][], x: number[], y: number[]) => list.reduce((v, [cx, cy, a]) => v + a * (x[cx] ?? 0) * (y[cy] ?? 0), mean);
  const image = new ImageData(w, h);
  let i = 0;
  for (const y of down)
    for (const x of across) {
      const l = sum((head & 63) / 63, light, x, y);
      const p = sum(((head >> 6) & 63) / 31.5 - 1, yellow, x, y);
      const q = sum(((head >> 12) & 63) / 31.5 - 1, red, x, y);
      const blue = l - (2 / 3) * p;
      const r = (3 * l - blue + q) / 2;
      for (const v of [r, r - q, blue, 1]) image.data[i++] = v * 255;
    }
  return image;
}
