import { liveQuery, type Subscription } from 'dexie';
import { drawn } from './drawn';
import { onReopened } from './store';

/**
 * What a query of the database gives, always as it is now, whoever changed it: this page, another tab, the service worker.
 * `make` reads what the query depends on and gives the query: it is made anew when that changes. What is `known` of it already is
 * shown at once.
 */
export function live<T>(make: () => () => T | Promise<T>, initial: T, known?: { value: T }): { readonly value: T; readonly ready: boolean } {
  let value = $state.raw(known ? known.value : initial);
  let ready = $state(known !== undefined);
  let first = true;
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
    let over = false;
    // What is known already is drawn before it is asked for.
    if (first && known) void drawn().then(() => (over ? undefined : watch()));
    else watch();
    first = false;
    const stop = onReopened(watch);
    return () => {
      over = true;
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

/** What [live] gives, asked once for all who show it, for as long as the app is open. */
export function shared<T>(make: () => () => T | Promise<T>, initial: T, known: () => { value: T } | undefined): () => { readonly value: T; readonly ready: boolean } {
  let one: { readonly value: T; readonly ready: boolean } | undefined;
  return () => {
    if (!one) $effect.root(() => void (one = live(make, initial, known())));
    return one!;
  };
}
