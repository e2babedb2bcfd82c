// "1 chosen items" is said nowhere: whoever counts things in words has other words for one of them.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const at = (path: string) => fileURLToPath(new URL('../' + path, import.meta.url));
const { 'plugin.inlang.messageFormat': format } = JSON.parse(readFileSync(at('project.inlang/settings.json'), 'utf8')) as { 'plugin.inlang.messageFormat': { pathPattern: string[] } };
const wordsOf = (locale: string): Record<string, string> =>
  Object.assign({}, ...format.pathPattern.map((p) => JSON.parse(readFileSync(at(p.replace('{locale}', locale)), 'utf8')) as object));

/** Where there are never one: ordered so, or beside another number. */
const neverOne = new Set(['orders_range_long', 'orders_count_of', 'orders_in_days', 'orders_days_ago', 'order_progress', 'imports_all_columns']);

it('has words for one of what it counts', () => {
  const counted = Object.entries(wordsOf('en')).filter(([, text]) => /\{(count|days|hours|rows|items|of|total|n)\} (?:(?:more|chosen|rejected|mended|new) )?[a-z-]+s\b/.test(text)).map(([name]) => name).filter((name) => !neverOne.has(name));
  expect(counted.length).toBeGreaterThan(30);
  const wrong: string[] = [];
  for (const file of readdirSync(at('portal/src'), { recursive: true, encoding: 'utf8' }).filter((f) => /\.(svelte|ts)$/.test(f)))
    for (const line of readFileSync(at('portal/src/' + file), 'utf8').split('\n'))
      for (const name of counted)
        if (new RegExp('(?<!\\(\\{ count \\}\\) => )\\bm\\.' + name + '\\(').test(line) && !/=== 1 \?|> 1 \?/.test(line)) wrong.push(file + ': ' + name);
  expect(wrong).toEqual([]);
});

it('says in Spanish all that it says in English', () => {
  expect(Object.keys(wordsOf('es')).sort()).toEqual(Object.keys(wordsOf('en')).sort());
});
