import { liveQuery, type Subscription } from 'dexie';
import { onReopened } from './store';

/**
 * What a query of the database gives, always as it is now, whoever changed it: this page, another tab, the service worker.
 * `make` reads what the query depends on and gives the query: it is made anew when that changes.
 */
export function live<T>(make: () => () => T | Promise<T>, initial: T): { readonly value: T; readonly ready: boolean } {
  let value = $state.raw(initial);
  let ready = $state(false);
  $effect(() => {
    const query = make();
    let watching: Subscription | undefined;
    const watch = () => {
      watching?.unsubscribe();
      watching = liveQuery(query).subscribe({
        next: (v) => {
          value = v;
          ready = true;
        },
        error: (e: unknown) => console.warn('A query of the database failed.', e),
      });
    };
    watch();
    const stop = onReopened(watch);
    return () => {
      stop();
      watching?.unsubscribe();
    };
  });
  return {
    get value() {
      return value;
    },
    get ready() {
      return ready;
    },
  };
}
