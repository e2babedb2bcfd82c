import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('comes back to a server that refuses the stream, ever more slowly, and soon again once it was let in', async () => {
  vi.useFakeTimers();
  const opened: { at: number; readyState: number; onopen: () => void; onerror: () => void }[] = [];
  class Source {
    static CLOSED = 2;
    at = Date.now();
    readyState = 0;
    constructor() {
      opened.push(this as never);
    }
  }
  vi.stubGlobal('EventSource', Source);
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('addEventListener', () => undefined);
  const { listenFrom } = await import('./stream');
  listenFrom(7);
  const refuse = () => {
    const source = opened.at(-1)!;
    source.readyState = Source.CLOSED;
    source.onerror();
    vi.runAllTimers();
    return opened.at(-1)!.at - source.at;
  };
  expect([refuse(), refuse(), refuse(), refuse(), refuse()]).toEqual([3000, 6000, 12_000, 15_000, 15_000]);
  opened.at(-1)!.onopen();
  expect(refuse()).toBe(3000);
});
