// One formatter for dates, counts, sizes and distances: the reader's language, the account's zone (look.md, 9).
import { getLocale } from './words/runtime';
import { m } from './words/messages';

let zone = 'UTC';
let region = '';
let units: 'metric' | 'imperial' = 'metric';
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function setFormat(f: { zone?: string; region?: string; units?: typeof units }): void {
  zone = f.zone ?? zone;
  region = f.region ?? region;
  units = f.units ?? units;
}

/** The language that is read, as it is written in the account's region: in the US 9:05 PM, in Ireland 21:05. */
function locale(): string {
  return region ? getLocale() + '-' + region : getLocale();
}

// To make a formatter takes a hundred times longer than to use one.
const kept = new Map<string, Intl.DateTimeFormat>();
function dated(options: Intl.DateTimeFormatOptions, at = zone, as: string = locale()): Intl.DateTimeFormat {
  const key = as + at + JSON.stringify(options);
  let f = kept.get(key);
  if (!f) kept.set(key, (f = new Intl.DateTimeFormat(as, { timeZone: at, ...options })));
  return f;
}

/** The day of a moment in the account's zone, as 2026-11-26. */
export function dayOf(moment: Date, at = zone): string {
  return dated({ year: 'numeric', month: '2-digit', day: '2-digit' }, at, 'en-CA').format(moment);
}

/** The time of day of a moment in the account's zone, as it is written: 17:05. */
export function timeOf(moment: Date): string {
  return dated({ hour: '2-digit', minute: '2-digit' }, zone, 'en-GB').format(moment);
}

/** Whole days from today to a day written as 2026-11-26; negative when it is over. */
export function daysTo(day: string): number {
  return Math.round((Date.parse(day) - Date.parse(dayOf(new Date()))) / 86_400_000);
}

/** A day as people say it: Today, Tomorrow, Fri 27 Nov; the year only when it is another. */
export function day(text: string): string {
  const days = daysTo(text);
  if (days === 0) return m.today();
  if (days === 1) return m.tomorrow();
  if (days === -1) return m.yesterday();
  const sameYear = text.slice(0, 4) === dayOf(new Date()).slice(0, 4);
  return dated({ weekday: 'short', day: 'numeric', month: 'short', ...(sameYear ? {} : { year: 'numeric' }) }, 'UTC').format(new Date(text + 'T00:00:00Z'));
}

/** A day inside a sentence: today, Fri 27 Nov. */
export function dayWithin(text: string): string {
  return Math.abs(daysTo(text)) <= 1 ? day(text).toLocaleLowerCase(getLocale()) : day(text);
}

/** A clock time of a moment: 17:00. */
export function clock(moment: string | Date): string {
  return dated({ hour: 'numeric', minute: '2-digit' }).format(new Date(moment));
}

/** A moment: Today 17:00. */
export function moment(text: string | null | undefined): string {
  if (!text) return '–';
  const at = new Date(text);
  return day(dayOf(at)) + ' ' + clock(at);
}

/** A moment inside a sentence: today 17:00. */
export function momentWithin(text: string | null | undefined): string {
  if (!text) return '–';
  const at = new Date(text);
  return dayWithin(dayOf(at)) + ' ' + clock(at);
}

/** A moment with its zone, and the reader's own time beside where that differs, with its day where that does. */
export function momentInFull(text: string | null | undefined): string {
  if (!text) return '–';
  const at = new Date(text);
  const time: Intl.DateTimeFormatOptions = { hour: 'numeric', minute: '2-digit' };
  const date: Intl.DateTimeFormatOptions = { weekday: 'short', day: 'numeric', month: 'short' };
  const there = dated({ ...date, year: 'numeric', ...time, timeZoneName: 'short' }).format(at);
  if (dated(time, own).format(at) === dated(time).format(at)) return there;
  const here = dated(dayOf(at) === dayOf(at, own) ? time : { ...date, ...time }, own).format(at);
  return there + ' · ' + m.for_you({ time: here });
}

const numbers = new Map<string, Intl.NumberFormat>();
export function count(n: number): string {
  if (n >= 0 && n < 1000 && Number.isInteger(n)) return String(n); // the first formatter takes a slow phone a while
  const as = locale();
  let f = numbers.get(as);
  if (!f) numbers.set(as, (f = new Intl.NumberFormat(as)));
  return f.format(n);
}

/** One of two sentences, by how many it speaks of. */
export function many(n: number, one: () => string, more: (values: { count: string }) => string): string {
  return n === 1 ? one() : more({ count: count(n) });
}

export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  for (; bytes >= 1000 && i < units.length - 1; i++) bytes /= 1000;
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: i === 0 ? 0 : 1 }).format(bytes) + ' ' + units[i];
}

const foot = 0.3048;
const mile = 5280 * foot;
const measures = { metric: { near: ['m', 1], far: ['km', 1000] }, imperial: { near: ['ft', foot], far: ['mi', mile] } } as const;

/** Says a distance that is given in metres, as the documents do: 250 m, 1.4 km; or 820 ft, 0.9 mi. */
export function distance(metres: number): string {
  const { near, far } = measures[units];
  const n = Math.round(metres / near[1]);
  return n < 1000 ? count(n) + '\u00a0' + near[0] : count(Math.round((metres / far[1]) * 10) / 10) + '\u00a0' + far[0];
}

/** The longest length in metres, up to most, that is a round number in the account's units. */
export function roundLength(most: number): number {
  const unit = units === 'metric' ? 1 : most < 0.2 * mile ? foot : mile;
  const ten = 10 ** Math.floor(Math.log10(most / unit));
  const n = ([5, 2].find((f) => f * ten <= most / unit) ?? 1) * ten;
  return (unit === foot ? Math.min(n, 500) : n) * unit; // 1,000 ft are said in miles
}

/** Two letters by which a person is known at a glance. */
export function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/);
  return ((words[0]?.[0] ?? '?') + (words.length > 1 ? (words.at(-1)?.[0] ?? '') : (words[0]?.[1] ?? ''))).toUpperCase();
}
