import { expect, test, vi } from 'vitest';
import { undo } from './undo.svelte';

vi.mock('./api', () => ({ wordsOf: String })); // it listens to a window
vi.mock('./toast', () => ({ toast: { done: () => {}, say: () => {}, failed: (text: string) => { throw new Error(text); } } }));

function step(name: string, log: string[]) {
  return { label: name, undo: async () => void log.push('undo ' + name), redo: async () => void log.push('redo ' + name) };
}

test('a step that waits for its answer is the one that is taken back', async () => {
  const log: string[] = [];
  let answer = () => {};
  undo.push(step('first', log));
  const second = undo.take(new Promise<void>((resolve) => (answer = resolve)), step('second', log));
  const back = undo.undo();
  await Promise.resolve();
  expect(log).toEqual([]);
  answer();
  await Promise.all([second, back]);
  expect(log).toEqual(['undo second']);
  await undo.undo();
  expect(log).toEqual(['undo second', 'undo first']);
});

test('a step that was refused is none, and nobody waits for it any longer', async () => {
  const log: string[] = [];
  undo.push(step('first', log));
  const refused = undo.take(Promise.reject(new Error('no')), step('second', log));
  const back = undo.undo();
  await expect(refused).rejects.toThrow('no');
  await back;
  expect(log).toEqual(['undo first']);
});
