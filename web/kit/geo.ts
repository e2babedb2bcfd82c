// Distances on the Earth, as the server measures them for certification.

type Position = { latitude: number | null; longitude: number | null };

/** The metres between two positions; null when one is not known. */
export function metresBetween(a: Position | null | undefined, b: Position | null | undefined): number | null {
  if (a?.latitude == null || a.longitude == null || b?.latitude == null || b.longitude == null) return null;
  const rad = Math.PI / 180;
  const [p, q] = [a.latitude * rad, b.latitude * rad];
  const h = Math.sin((q - p) / 2) ** 2 + Math.cos(p) * Math.cos(q) * Math.sin(((b.longitude - a.longitude) * rad) / 2) ** 2;
  return 2 * 6_371_000 * Math.asin(Math.min(1, Math.sqrt(h)));
}
