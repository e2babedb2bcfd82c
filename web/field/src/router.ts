// Every screen has an address below /field/; each is loaded when it is first asked for.
import { createRouter } from 'sv-router';
import { version } from './lib/version.svelte';
import Orders from './screens/orders/Orders.svelte';

export const base = '/field';

const router = createRouter({
  '/': Orders, // what the app opens with
  '/today': () => import('./screens/orders/Today.svelte'),
  '/find': () => import('./screens/orders/Find.svelte'),
  '/orders/new': () => import('./screens/create/Create.svelte'),
  '/orders/:id': () => import('./screens/order/Order.svelte'),
  '/orders/:id/camera': () => import('./screens/camera/Camera.svelte'),
  '/orders/:id/survey/:task': () => import('./screens/survey/Survey.svelte'),
  '/orders/:id/taken/:uuid': () => import('./screens/item/Taken.svelte'),
  '/photo/:uuid': () => import('./screens/item/Photo.svelte'),
  '/queue': () => import('./screens/queue/Queue.svelte'),
  '/menu': () => import('./screens/menu/Menu.svelte'),
  '/welcome': () => import('./screens/entry/Welcome.svelte'),
  '/install': () => import('./screens/entry/Install.svelte'),
  '/sign-in': () => import('./screens/entry/Entry.svelte'),
  '*': () => import('./shell/NotFound.svelte'),
});

export const { route } = router;

/** Goes to a path below /field, with its query where it has one. */
export async function navigate(to: string, { replace = false } = {}): Promise<void> {
  if (version.stale) return void location[replace ? 'replace' : 'assign'](base + to);
  const { pathname, searchParams } = new URL(to, location.origin);
  await router.navigate(pathname as '/', { replace, search: Object.fromEntries(searchParams) });
  // The router leaves the last slash of /field/ out: what is opened there again comes from the network, not from the service worker.
  if (location.pathname === base) history.replaceState(history.state, '', base + '/' + location.search);
}
