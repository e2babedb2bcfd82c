import { afterEach, expect, it, vi } from 'vitest';

const asked: number[] = [];
vi.mock('./net', () => ({
  line: new EventTarget(),
  call: () => {
    asked.push(Date.now());
    return Promise.resolve(new Response('{}', { status: 429, headers: { 'Retry-After': '15' } }));
  },
}));
vi.mock('./session.svelte', () => ({ session: { who: {}, ended: false } }));

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('comes back to a server that refuses the stream when it asked for it, once, however often the app was looked at', async () => {
  vi.useFakeTimers();
  const looks = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal('document', looks);
  vi.stubGlobal('addEventListener', () => undefined);
  const { listen } = await import('./stream');
  listen(() => undefined);
  await vi.advanceTimersByTimeAsync(14_999);
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toHaveLength(2);
  for (let i = 0; i < 5; i++) {
    looks.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(asked).toHaveLength(7);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(8);
});
