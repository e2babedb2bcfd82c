// How moments and numbers are written, by language, region and zone of the account.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { count, day, distance, moment, momentWithin, roundLength, setFormat, size } from './format';
import { overwriteGetLocale } from './words/runtime';

/** As people see it: Intl has narrow and unbroken spaces. */
const plain = (text: string) => text.replace(/[\u202f\u00a0]/g, ' ');

describe('what is written', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 10, 27, 12), toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  for (const [language, region, at, within, named, number] of [
    ['en', 'US', 'Today 9:05 AM', 'today 9:05 AM', 'Sun, Nov 29', '12,345'],
    ['en', 'IE', 'Today 9:05', 'today 9:05', 'Sun, 29 Nov', '12,345'],
    ['es', 'ES', 'Hoy 9:05', 'hoy 9:05', 'dom, 29 nov', '12.345'],
    ['es', 'MX', 'Hoy 9:05 a.m.', 'hoy 9:05 a.m.', 'dom 29 de nov', '12,345'],
  ] as const)
    it(`in ${language} of ${region}`, () => {
      overwriteGetLocale(() => language);
      setFormat({ zone: 'UTC', region });
      expect([plain(moment('2026-11-27T09:05:00Z')), plain(momentWithin('2026-11-27T09:05:00Z')), day('2026-11-29'), count(12345)]).toEqual([at, within, named, number]);
    });

  it('a day by name stands with its capital where it is no word for a near one', () => {
    overwriteGetLocale(() => 'en');
    setFormat({ zone: 'America/Chicago', region: 'US' });
    expect(plain(momentWithin('2026-11-27T02:00:00Z'))).toBe('yesterday 8:00 PM');
    expect(plain(momentWithin('2026-11-24T02:00:00Z'))).toBe('Mon, Nov 23 8:00 PM');
    expect(size(1_900_000)).toBe('1.9 MB');
  });
});

/** Of metres, what is said of them; and of the most that a length may have, the round one. wording/wording_test.go reads the same. */
const alike = JSON.parse(readFileSync(new URL('../../wording/testdata/distances.json', import.meta.url), 'utf8')) as Record<'said' | 'round', { metres: number; metric: string; imperial: string }[]>;

describe('distances', () => {
  for (const units of ['metric', 'imperial'] as const)
    it(`are ${units} as in the documents`, () => {
      overwriteGetLocale(() => 'en');
      setFormat({ region: 'US', units });
      for (const c of alike.said) expect(plain(distance(c.metres))).toBe(c[units]);
      for (const c of alike.round) expect(plain(distance(roundLength(c.metres)))).toBe(c[units]);
      overwriteGetLocale(() => 'es');
      setFormat({ region: 'ES' });
      expect(plain(distance(6649))).toBe(units === 'metric' ? '6,6 km' : '4,1 mi');
    });
});
