// Every screen has an address below /field/; each is loaded when it is first asked for.
import { createRouter } from 'sv-router';
import Orders from './screens/orders/Orders.svelte';

export const base = '/field';

export const { p, navigate, isActive, route } = createRouter({
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
