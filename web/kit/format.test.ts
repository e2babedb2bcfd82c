// How moments and numbers are written, by language, region and zone of the account.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { count, day, moment, momentWithin, setFormat, size } from './format';
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
