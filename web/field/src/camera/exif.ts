// What a photo says of itself: browsers give photos without EXIF (CIPA DC-008), so the app writes it before anything is hashed.
// What came with a photo stays: its block is kept byte for byte, so that offsets inside of it hold (those of maker notes are
// known to nobody), and new directories that take its values and ours are appended to it.

export type Says = {
  /** When it was taken: ms of this phone's clock, in the zone of this phone. */
  taken_at: number;
  /** Minutes east of Greenwich at that time, as -getTimezoneOffset() gives them. */
  east: number;
  uuid: string;
  width: number;
  height: number;
  /** 1 where the pixels are upright; undefined leaves what the photo says. */
  orientation?: number;
  position?: { latitude: number; longitude: number; accuracy?: number; at?: number } | undefined;
  /** Taken by this app: our time is that of the photo. Else what the photo says of its own time and place stays. */
  own: boolean;
};

const ascii = 2, short = 3, long = 4, rational = 5, undefinedType = 7;
const widths: Record<number, number> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4 };
const tag = {
  orientation: 0x0112, xResolution: 0x011a, yResolution: 0x011b, resolutionUnit: 0x0128, software: 0x0131, dateTime: 0x0132, positioning: 0x0213,
  exif: 0x8769, gps: 0x8825,
  version: 0x9000, original: 0x9003, digitized: 0x9004, offset: 0x9010, offsetOriginal: 0x9011, offsetDigitized: 0x9012, components: 0x9101,
  subsec: 0x9290, subsecOriginal: 0x9291, subsecDigitized: 0x9292, flashpix: 0xa000, colour: 0xa001, width: 0xa002, height: 0xa003, uniqueId: 0xa420,
};
const gpsTag = { version: 0, latitudeRef: 1, latitude: 2, longitudeRef: 3, longitude: 4, time: 7, datum: 0x12, method: 0x1b, date: 0x1d, error: 0x1f };

const header = [0x45, 0x78, 0x69, 0x66, 0, 0]; // Exif, 0, 0
/** A segment holds 65,533 bytes, its header among them. */
const blockAtMost = 65_533 - header.length;
const entriesAtMost = 512;

/** A value as it will stand: of a kind, so many of them, in the block's own byte order. */
type Value = { kind: number; count: number; bytes: Uint8Array };
type Directory = Map<number, Value>;

/** The photo with what is said of it. Its picture is not touched. Throws when it is no JPEG. */
export function withExif(jpeg: Uint8Array, says: Says): Uint8Array<ArrayBuffer> {
  const { came, pieces } = apart(jpeg);
  let block = came ? merged(came, says) : null;
  if (!block || block.length > blockAtMost) block = fresh(says);
  const segment = new Uint8Array(4 + header.length + block.length);
  segment.set([0xff, 0xe1, (segment.length - 2) >> 8, (segment.length - 2) & 0xff, ...header]);
  segment.set(block, 4 + header.length);
  const whole = [jpeg.subarray(0, 2), segment, ...pieces];
  const out = new Uint8Array(whole.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of whole) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** Whether bytes begin as a JPEG does. */
export function isJPEG(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** The EXIF block of a JPEG, and all of its pieces but that and its beginning. */
function apart(jpeg: Uint8Array): { came: Uint8Array | null; pieces: Uint8Array[] } {
  if (!isJPEG(jpeg)) throw new Error('this is no JPEG');
  const pieces: Uint8Array[] = [];
  let came: Uint8Array | null = null;
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === 0xff) {
    const marker = jpeg[at + 1]!;
    if (marker === 0xff) {
      at++; // a filler
      continue;
    }
    if (marker === 0xda || marker === 0xd9 || (marker >= 0xd0 && marker <= 0xd7)) break;
    const end = at + 2 + ((jpeg[at + 2]! << 8) | jpeg[at + 3]!);
    if (end > jpeg.length) break;
    const isExif = marker === 0xe1 && header.every((b, i) => jpeg[at + 4 + i] === b);
    if (!isExif) pieces.push(jpeg.subarray(at, end));
    else came ??= jpeg.subarray(at + 4 + header.length, end);
    at = end;
  }
  pieces.push(jpeg.subarray(at));
  return { came, pieces };
}

/** The EXIF of a JPEG alone, to be carried over to another; null where it has none. */
export function exifOf(jpeg: Uint8Array): Uint8Array | null {
  return isJPEG(jpeg) ? apart(jpeg).came : null;
}

/** A JPEG with a block of EXIF that another one had. */
export function withBlock(jpeg: Uint8Array, block: Uint8Array): Uint8Array {
  const { pieces } = apart(jpeg);
  const segment = new Uint8Array(4 + header.length + block.length);
  segment.set([0xff, 0xe1, (segment.length - 2) >> 8, (segment.length - 2) & 0xff, ...header]);
  segment.set(block, 4 + header.length);
  const out = new Uint8Array(2 + segment.length + pieces.reduce((n, p) => n + p.length, 0));
  out.set(jpeg.subarray(0, 2));
  out.set(segment, 2);
  let at = 2 + segment.length;
  for (const p of pieces) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** A block that says what we know, and nothing else. */
function fresh(says: Says): Uint8Array {
  const start = new Uint8Array([0x4d, 0x4d, 0, 0x2a, 0, 0, 0, 8]); // MM
  return appended(start, new Values(false), new Map(), new Map(), new Map(), 0, says);
}

/** What came, with ours; null where it can't be read. */
function merged(came: Uint8Array, says: Says): Uint8Array | null {
  const view = new DataView(came.buffer, came.byteOffset, came.byteLength);
  if (came.length < 14) return null;
  const little = view.getUint16(0) === 0x4949;
  if ((!little && view.getUint16(0) !== 0x4d4d) || view.getUint16(2, little) !== 42) return null;
  const read = (at: number): { directory: Directory; next: number } | null => {
    if (at < 8 || at + 6 > came.length) return null;
    const n = view.getUint16(at, little);
    if (n > entriesAtMost || at + 2 + n * 12 + 4 > came.length) return null;
    const directory: Directory = new Map();
    for (let i = 0; i < n; i++) {
      const e = at + 2 + i * 12;
      const kind = view.getUint16(e + 2, little), count = view.getUint32(e + 4, little), width = widths[kind];
      if (!width) continue;
      const length = width * count;
      const where = length <= 4 ? e + 8 : view.getUint32(e + 8, little);
      if (where + length > came.length) continue;
      directory.set(view.getUint16(e, little), { kind, count, bytes: came.subarray(where, where + length) });
    }
    return { directory, next: view.getUint32(at + 2 + n * 12, little) };
  };
  const first = read(view.getUint32(4, little));
  if (!first) return null;
  const below = (pointer: number): Directory => {
    const p = first.directory.get(pointer);
    return (p?.kind === long && p.count === 1 && read(new DataView(p.bytes.buffer, p.bytes.byteOffset, 4).getUint32(0, little))?.directory) || new Map();
  };
  const next = first.next < came.length ? first.next : 0; // the thumbnail's directory stays where it is
  return appended(came, new Values(little), first.directory, below(tag.exif), below(tag.gps), next, says);
}

/** Makes values in a byte order. */
class Values {
  constructor(readonly little: boolean) {}

  text(s: string): Value {
    const bytes = new TextEncoder().encode(s + '\0');
    return { kind: ascii, count: bytes.length, bytes };
  }

  shorts(...ns: number[]): Value {
    const bytes = new Uint8Array(2 * ns.length), view = new DataView(bytes.buffer);
    ns.forEach((n, i) => view.setUint16(2 * i, n, this.little));
    return { kind: short, count: ns.length, bytes };
  }

  longs(...ns: number[]): Value {
    const bytes = new Uint8Array(4 * ns.length), view = new DataView(bytes.buffer);
    ns.forEach((n, i) => view.setUint32(4 * i, n, this.little));
    return { kind: long, count: ns.length, bytes };
  }

  rationals(...ns: [number, number][]): Value {
    const bytes = new Uint8Array(8 * ns.length), view = new DataView(bytes.buffer);
    ns.forEach(([over, under], i) => {
      view.setUint32(8 * i, over, this.little);
      view.setUint32(8 * i + 4, under, this.little);
    });
    return { kind: rational, count: ns.length, bytes };
  }

  raw(...bytes: number[]): Value {
    return { kind: undefinedType, count: bytes.length, bytes: Uint8Array.from(bytes) };
  }
}

/** The block with three directories behind it: what was in the old ones, with what is said now. */
function appended(block: Uint8Array, v: Values, first: Directory, inner: Directory, place: Directory, next: number, says: Says): Uint8Array {
  const { time, zone, subsec, utcDate, utcTime } = moments(says);
  const put = (d: Directory, t: number, value: Value) => d.set(t, value);
  const fill = (d: Directory, t: number, value: Value) => d.has(t) || d.set(t, value);

  put(first, tag.dateTime, v.text(time));
  if (says.orientation !== undefined) put(first, tag.orientation, v.shorts(says.orientation));
  fill(first, tag.orientation, v.shorts(1));
  fill(first, tag.xResolution, v.rationals([72, 1]));
  fill(first, tag.yResolution, v.rationals([72, 1]));
  fill(first, tag.resolutionUnit, v.shorts(2));
  fill(first, tag.positioning, v.shorts(1));
  put(first, tag.software, v.text('Fieldproof'));

  const ofPhoto = says.own || !inner.has(tag.original) ? put : () => undefined;
  ofPhoto(inner, tag.original, v.text(time));
  ofPhoto(inner, tag.digitized, v.text(time));
  ofPhoto(inner, tag.offsetOriginal, v.text(zone));
  ofPhoto(inner, tag.offsetDigitized, v.text(zone));
  ofPhoto(inner, tag.subsecOriginal, v.text(subsec));
  ofPhoto(inner, tag.subsecDigitized, v.text(subsec));
  put(inner, tag.offset, v.text(zone));
  put(inner, tag.subsec, v.text(subsec));
  put(inner, tag.uniqueId, v.text(says.uuid.replaceAll('-', '').toLowerCase()));
  put(inner, tag.width, v.longs(says.width));
  put(inner, tag.height, v.longs(says.height));
  put(inner, tag.version, v.raw(0x30, 0x32, 0x33, 0x32)); // 0232: the first with offsets of time
  fill(inner, tag.components, v.raw(1, 2, 3, 0));
  fill(inner, tag.flashpix, v.raw(0x30, 0x31, 0x30, 0x30));
  fill(inner, tag.colour, v.shorts(1));

  if (says.position && (says.own || !place.has(gpsTag.latitude))) {
    const { latitude, longitude, accuracy, at } = says.position;
    place.clear();
    put(place, gpsTag.version, { kind: 1, count: 4, bytes: Uint8Array.from([2, 3, 0, 0]) });
    put(place, gpsTag.latitudeRef, v.text(latitude < 0 ? 'S' : 'N'));
    put(place, gpsTag.latitude, v.rationals(...degrees(latitude)));
    put(place, gpsTag.longitudeRef, v.text(longitude < 0 ? 'W' : 'E'));
    put(place, gpsTag.longitude, v.rationals(...degrees(longitude)));
    const fixed = at === undefined ? { utcDate, utcTime } : utc(at);
    put(place, gpsTag.time, v.rationals(...fixed.utcTime.map((n): [number, number] => [n, 1])));
    put(place, gpsTag.date, v.text(fixed.utcDate));
    put(place, gpsTag.datum, v.text('WGS-84'));
    if (accuracy !== undefined && accuracy >= 0 && accuracy < 4e6) put(place, gpsTag.error, v.rationals([Math.round(accuracy * 100), 100]));
  }

  // The directories stand behind the block in the order in which they are read, each with its long values behind it.
  const begin = block.length + (block.length & 1);
  const withPlace = place.size > 0;
  first.delete(tag.gps);
  put(first, tag.exif, v.longs(0));
  if (withPlace) put(first, tag.gps, v.longs(0));
  const innerAt = begin + sizeOf(first), placeAt = innerAt + sizeOf(inner);
  put(first, tag.exif, v.longs(innerAt));
  if (withPlace) put(first, tag.gps, v.longs(placeAt));
  const out = new Uint8Array(placeAt + (withPlace ? sizeOf(place) : 0));
  out.set(block);
  new DataView(out.buffer).setUint32(4, begin, v.little);
  write(out, begin, first, next, v.little);
  write(out, innerAt, inner, 0, v.little);
  if (withPlace) write(out, placeAt, place, 0, v.little);
  return out;
}

function sizeOf(d: Directory): number {
  let size = 2 + d.size * 12 + 4;
  for (const v of d.values()) if (v.bytes.length > 4) size += v.bytes.length + (v.bytes.length & 1);
  return size;
}

function write(out: Uint8Array, at: number, d: Directory, next: number, little: boolean): void {
  const view = new DataView(out.buffer);
  view.setUint16(at, d.size, little);
  let entry = at + 2;
  let behind = at + 2 + d.size * 12 + 4;
  for (const [t, v] of [...d].sort(([a], [b]) => a - b)) {
    view.setUint16(entry, t, little);
    view.setUint16(entry + 2, v.kind, little);
    view.setUint32(entry + 4, v.count, little);
    if (v.bytes.length <= 4) out.set(v.bytes, entry + 8);
    else {
      view.setUint32(entry + 8, behind, little);
      out.set(v.bytes, behind);
      behind += v.bytes.length + (v.bytes.length & 1);
    }
    entry += 12;
  }
  view.setUint32(entry, next, little);
}

const two = (n: number) => String(n).padStart(2, '0');

function utc(ms: number): { utcDate: string; utcTime: number[] } {
  const d = new Date(ms);
  return { utcDate: `${d.getUTCFullYear()}:${two(d.getUTCMonth() + 1)}:${two(d.getUTCDate())}`, utcTime: [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()] };
}

function moments(says: Says): { time: string; zone: string; subsec: string; utcDate: string; utcTime: number[] } {
  const there = new Date(says.taken_at + says.east * 60_000);
  const minutes = Math.abs(says.east);
  return {
    time: `${there.getUTCFullYear()}:${two(there.getUTCMonth() + 1)}:${two(there.getUTCDate())} ${two(there.getUTCHours())}:${two(there.getUTCMinutes())}:${two(there.getUTCSeconds())}`,
    zone: (says.east < 0 ? '-' : '+') + two(Math.floor(minutes / 60)) + ':' + two(minutes % 60),
    subsec: String(Math.floor(((says.taken_at % 1000) + 1000) % 1000)).padStart(3, '0'),
    ...utc(says.taken_at),
  };
}

/** Degrees, minutes, seconds to a ten-thousandth, which is 3 mm. */
function degrees(of: number): [number, number][] {
  const all = Math.round(Math.abs(of) * 3600 * 10_000);
  const seconds = all % 600_000, minutes = Math.floor(all / 600_000);
  return [[Math.floor(minutes / 60), 1], [minutes % 60, 1], [seconds, 10_000]];
}
