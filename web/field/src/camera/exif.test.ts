import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { exifOf, withBlock, withExif, type Says } from './exif';
import { frameOf } from './encode';
import { sha256 } from './hash';

// The smallest frame that a reader goes through: beginning, frame header, scan, end.
const picture = Uint8Array.from([0xff, 0xc0, 0, 11, 8, 0, 48, 0, 64, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3, 0xff, 0xd9]);
const bare = Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, ...picture]);
const says: Says = {
  taken_at: Date.UTC(2026, 10, 27, 16, 14, 32, 250), east: -360, uuid: '0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11', width: 64, height: 48, own: true,
  position: { latitude: -30.508412, longitude: 97.679031, accuracy: 6.25, at: Date.UTC(2026, 10, 27, 16, 14, 30) },
};

type Tags = Map<number, { kind: number; count: number; bytes: Uint8Array; little: boolean }>;
/** A reader of our own, strict about where everything lies. */
function read(jpeg: Uint8Array): { first: Tags; exif: Tags; gps: Tags; next: number } {
  const block = exifOf(jpeg);
  if (!block) throw new Error('no EXIF');
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const little = view.getUint16(0) === 0x4949;
  expect(view.getUint16(2, little)).toBe(42);
  let next = 0;
  const directory = (at: number): Tags => {
    const tags: Tags = new Map();
    expect(at % 2).toBe(0);
    const n = view.getUint16(at, little);
    let before = -1;
    for (let i = 0; i < n; i++) {
      const e = at + 2 + 12 * i;
      const t = view.getUint16(e, little), kind = view.getUint16(e + 2, little), count = view.getUint32(e + 4, little);
      expect(t).toBeGreaterThan(before);
      before = t;
      const length = count * ({ 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1 }[kind] ?? NaN);
      const where = length <= 4 ? e + 8 : view.getUint32(e + 8, little);
      expect(where + length).toBeLessThanOrEqual(block.length);
      tags.set(t, { kind, count, bytes: block.subarray(where, where + length), little });
    }
    next = view.getUint32(at + 2 + 12 * n, little);
    return tags;
  };
  const first = directory(view.getUint32(4, little));
  const chained = next;
  const pointer = (t: number) => {
    const v = first.get(t);
    return v ? directory(new DataView(v.bytes.buffer, v.bytes.byteOffset, 4).getUint32(0, little)) : new Map();
  };
  return { first, exif: pointer(0x8769), gps: pointer(0x8825), next: chained };
}
const text = (t: Tags, tag: number) => new TextDecoder().decode(t.get(tag)?.bytes).replace(/\0.*$/, '');
function rationals(t: Tags, tag: number): number[] {
  const v = t.get(tag);
  if (!v) return [];
  const view = new DataView(v.bytes.buffer, v.bytes.byteOffset, v.bytes.byteLength);
  return Array.from({ length: v.count }, (_, i) => view.getUint32(8 * i, v.little) / view.getUint32(8 * i + 4, v.little));
}

describe('EXIF', () => {
  it('says when with the zone, which, and where', () => {
    const { first, exif, gps } = read(withExif(bare, { ...says, orientation: 6 }));
    expect(text(exif, 0x9003)).toBe('2026:11:27 10:14:32');
    expect(text(exif, 0x9011)).toBe('-06:00');
    expect(text(exif, 0x9291)).toBe('250');
    expect(text(exif, 0xa420)).toBe('0b8e4c8e6d1f4f0e9a553d8f2f1f9b11');
    expect(first.get(0x0112)?.bytes[1]).toBe(6);
    expect(text(gps, 1)).toBe('S');
    expect(text(gps, 3)).toBe('E');
    const [d = 0, m = 0, s = 0] = rationals(gps, 2);
    expect(d + m / 60 + s / 3600).toBeCloseTo(30.508412, 6);
    expect(rationals(gps, 0x1f)).toEqual([6.25]);
    expect(rationals(gps, 7)).toEqual([16, 14, 30]);
  });
  it('stands first, and leaves every byte of the picture as it was', () => {
    const out = withExif(bare, says);
    expect([...out.subarray(0, 4)]).toEqual([0xff, 0xd8, 0xff, 0xe1]);
    expect([...out.subarray(-bare.length + 2)]).toEqual([...bare.subarray(2)]);
    expect(frameOf(out)).toEqual({ width: 64, height: 48 });
  });
  it('is written without a position where there is none', () => {
    const { first, gps } = read(withExif(bare, { ...says, position: undefined }));
    expect(first.has(0x8825)).toBe(false);
    expect(gps.size).toBe(0);
  });
  it('keeps what came with a photo of the gallery: its time, its place, its camera, its maker note where it lay', () => {
    const note = Array.from({ length: 40 }, (_, i) => i);
    const came = foreign(note);
    const out = withExif(withBlock(bare, came), { ...says, own: false });
    const { first, exif, gps, next } = read(out);
    expect(text(first, 0x010f)).toBe('Maker');
    expect(text(exif, 0x9003)).toBe('2020:01:02 03:04:05');
    expect(text(gps, 1)).toBe('N');
    expect(text(exif, 0xa420)).toBe('0b8e4c8e6d1f4f0e9a553d8f2f1f9b11');
    expect(next).toBe(0);
    // The block is kept byte for byte but for where its first directory begins.
    const block = exifOf(out)!;
    expect([...block.subarray(8, came.length)]).toEqual([...came.subarray(8)]);
    expect([...(exif.get(0x927c)?.bytes ?? [])]).toEqual(note);
  });
  it('is ours alone where what came can not be read, or is longer than a segment', () => {
    for (const broken of [Uint8Array.from([1, 2, 3]), Uint8Array.from([0x4d, 0x4d, 0, 42, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]), foreign(new Array<number>(65_300).fill(7))]) {
      const { exif } = read(withExif(withBlock(bare, broken), says));
      expect(text(exif, 0x9003)).toBe('2026:11:27 10:14:32');
    }
  });
  it('is no business of what is no JPEG', () => {
    expect(() => withExif(Uint8Array.from([0x89, 0x50]), says)).toThrow();
  });
});

/** A block in little endian order as another camera writes it, with a maker note and a place. */
function foreign(note: number[]): Uint8Array {
  const out = new Uint8Array(200 + note.length);
  const view = new DataView(out.buffer);
  out.set([0x49, 0x49, 42, 0]);
  view.setUint32(4, 8, true);
  const entry = (at: number, tag: number, kind: number, count: number, value: number) => {
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, kind, true);
    view.setUint32(at + 4, count, true);
    view.setUint32(at + 8, value, true);
  };
  const put = (at: number, s: string) => out.set(new TextEncoder().encode(s), at);
  view.setUint16(8, 3, true);
  entry(10, 0x010f, 2, 6, 60);
  entry(22, 0x8769, 4, 1, 70);
  entry(34, 0x8825, 4, 1, 130);
  put(60, 'Maker\0');
  view.setUint16(70, 2, true);
  entry(72, 0x9003, 2, 20, 100);
  entry(84, 0x927c, 7, note.length, 200);
  put(100, '2020:01:02 03:04:05\0');
  view.setUint16(130, 2, true);
  view.setUint16(132, 1, true), view.setUint16(134, 2, true), view.setUint32(136, 2, true), put(140, 'N\0\0\0');
  entry(144, 2, 5, 3, 164);
  [30, 1, 0, 1, 0, 1].forEach((n, i) => view.setUint32(164 + 4 * i, n, true));
  out.set(note, 200);
  return out;
}

it('hashes as everybody does, with and without the browser’s own', async () => {
  const bytes = new TextEncoder().encode('Fieldproof'.repeat(1000));
  const want = createHash('sha256').update(bytes).digest('hex');
  expect(await sha256(bytes.buffer)).toBe(want);
  const subtle = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(crypto), 'subtle')!;
  Object.defineProperty(crypto, 'subtle', { value: undefined, configurable: true });
  try {
    expect(await sha256(bytes.buffer)).toBe(want);
  } finally {
    delete (crypto as { subtle?: unknown }).subtle;
    void subtle;
  }
});
