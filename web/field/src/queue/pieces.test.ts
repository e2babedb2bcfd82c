import { describe, expect, it, vi } from 'vitest';
import { least, most, Pieces, rest, restAtMost, restsFor } from './pieces';

describe('Pieces', () => {
  it('grow while they go quickly, up to what a server keeps at once', () => {
    const p = new Pieces();
    const begun = p.size;
    p.went(p.size, 200);
    expect(p.size).toBe(2 * begun);
    for (let i = 0; i < 20; i++) p.went(p.size, 200);
    expect(p.size).toBe(most);
    expect(p.lanes).toBe(3);
  });
  it('shrink when they take long', () => {
    const p = new Pieces();
    const begun = p.size;
    p.went(begun, 12_000);
    expect(p.size).toBe(begun / 2);
    for (let i = 0; i < 20; i++) p.went(p.size, 12_000);
    expect(p.size).toBe(least);
    expect(p.lanes).toBe(1);
  });
  it('come home on a line that breaks after 200 kB each time, no byte sent more than twice', () => {
    const p = new Pieces();
    let there = 0, sent = 0, wire = 200_000;
    const photo = 5_000_000;
    for (let turn = 0; there < photo && turn < 1000; turn++) {
      const piece = Math.min(p.size, photo - there);
      const through = Math.min(piece, wire);
      sent += through;
      there += through;
      if (through < piece) {
        wire = 200_000;
        p.broke(through);
      } else {
        wire -= piece;
        p.went(piece, 300);
      }
    }
    expect(there).toBe(photo);
    expect(sent).toBeLessThanOrEqual(2 * photo);
  });
  it('are a risk while they grow, and after a break for ten minutes', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const p = new Pieces();
    while (p.size < most) {
      expect(p.risky).toBe(true);
      p.went(p.size, 200);
    }
    expect(p.risky).toBe(true);
    p.went(most, 200);
    expect(p.risky).toBe(false);
    p.broke(0);
    p.went(p.size, 2000);
    expect(p.risky).toBe(true);
    vi.advanceTimersByTime(600_000);
    expect(p.risky).toBe(false);
    vi.useRealTimers();
  });
  it('go on at once by lanes only where the line was measured to carry them', () => {
    const p = new Pieces();
    expect(p.lanes).toBe(1);
    p.went(p.size, 100);
    p.went(p.size, 100);
    expect(p.lanes).toBe(3);
    p.broke(0);
    expect(p.lanes).toBe(1);
  });
});

it('rests longer and longer, at most about a minute', () => {
  expect(rest(0, () => 0.5)).toBe(1000);
  expect(rest(3, () => 0.5)).toBe(8000);
  expect(rest(40, () => 0.5)).toBe(60_000);
  expect(rest(40, () => 1)).toBeLessThanOrEqual(75_000);
});

it('lets a clock that was set back make nobody wait', () => {
  const now = 1_790_000_000_000;
  expect([restsFor(undefined, now), restsFor(now - 1, now), restsFor(now + 5000, now), restsFor(now + restAtMost, now)]).toEqual([0, 0, 5000, restAtMost]);
  expect(restsFor(now + 86_400_000, now)).toBe(0);
});
