import { Dexie } from 'dexie';

/** One photo changes its row some five times within a second, and whatever is read again lies in memory until somebody collects it. */
const restsFor = 200;

/**
 * A query for what is only shown, asked at most so often while it is watched: the first change is answered at once, those that
 * follow on its heels together.
 */
export function rested<T>(query: () => T | PromiseLike<T>): () => Promise<T> {
  let asked = -Infinity;
  let latest = 0;
  return async () => {
    const mine = ++latest;
    const rest = asked + restsFor - performance.now();
    if (rest > 0) await new Dexie.Promise<void>((resolve) => void setTimeout(resolve, rest));
    if (mine !== latest) return undefined as T; // another change came meanwhile: nobody waits for this answer any more
    asked = performance.now();
    return query();
  };
}
