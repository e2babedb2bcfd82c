// Writes forms.json, how dates, times and numbers are written in the languages of our documents, region by region, as this
// Node's CLDR has it: the same data by which the browser apps write them. Run by: node wording/forms.mjs > wording/forms.json
const languages = ['en', 'es'];
const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
const regions = letters.flatMap((a) => letters.map((b) => a + b)).filter((code) => names.of(code) && code !== 'ZZ' && code[0] !== 'X');

// The order of parts and what stands between them; a space that breaks no line where a time or a day would be torn apart.
function pattern(locale, options) {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options }).formatToParts(Date.UTC(2026, 10, 24, 9, 5));
  return parts.map((p) => (p.type === 'literal' ? p.value : `{${p.type}}`)).join('').replace(/[\u202f\u00a0]/g, ' ');
}
const name = (locale, options, part, at) => new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options }).formatToParts(at).find((p) => p.type === part).value.replace(/[\u202f\u00a0]/g, ' ');

function formsOf(locale) {
  const clock = { hour: 'numeric', minute: '2-digit' };
  const day = { month: 'short', day: 'numeric' };
  const weekday = { weekday: 'short' };
  const twelve = /^h1[12]$/.test(new Intl.DateTimeFormat(locale, clock).resolvedOptions().hourCycle);
  const morning = name(locale, clock, 'hour', Date.UTC(2026, 10, 24, 9, 5));
  const number = new Intl.NumberFormat(locale);
  const large = number.formatToParts(1234567.5);
  return {
    moment: pattern(locale, { ...weekday, year: 'numeric', ...day, ...clock, timeZoneName: 'short' }),
    date: pattern(locale, { ...weekday, year: 'numeric', ...day }),
    day: pattern(locale, day),
    year: pattern(locale, { year: 'numeric', ...day }),
    clock: pattern(locale, clock),
    twelve,
    two: morning.length === 2, // digits of an hour
    periods: twelve ? [9, 21].map((h) => name(locale, clock, 'dayPeriod', Date.UTC(2026, 10, 24, h))) : [],
    months: [...Array(12).keys()].map((n) => name(locale, day, 'month', Date.UTC(2026, n, 15))),
    weekdays: [...Array(7).keys()].map((n) => name(locale, { ...weekday, ...day }, 'weekday', Date.UTC(2026, 10, 22 + n))), // from Sunday
    decimal: large.find((p) => p.type === 'decimal').value,
    group: large.find((p) => p.type === 'group')?.value ?? '',
    groups: number.format(1234).length === 5 ? 1 : 2, // digits before the first group, at least
  };
}

const forms = [];
const where = {};
for (const language of languages) {
  for (const region of ['', ...regions]) {
    const text = JSON.stringify(formsOf(region ? `${language}-${region}` : language));
    if (!forms.includes(text)) forms.push(text);
    const n = forms.indexOf(text);
    if (region === '' || n !== where[language]) where[region ? `${language}-${region}` : language] = n;
  }
}
const lines = Object.entries(where).map(([locale, n]) => `    ${JSON.stringify(locale)}: ${n}`);
process.stdout.write(`{\n  "cldr": ${JSON.stringify(process.versions.cldr)},\n  "forms": [\n    ${forms.join(',\n    ')}\n  ],\n  "where": {\n${lines.join(',\n')}\n  }\n}\n`);
