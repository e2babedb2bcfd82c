// Every screen has an address; each is loaded when it is first asked for.
import { createRouter } from 'sv-router';

export const { p, navigate, isActive, route } = createRouter({
  '/': () => import('./screens/home/Home.svelte'),
  '/orders': () => import('./screens/orders/Orders.svelte'),
  '/orders/new': () => import('./screens/create/NewOrder.svelte'),
  '/orders/:id': () => import('./screens/order/Order.svelte'),
  '/orders/:id/review': () => import('./screens/review/Review.svelte'),
  '/orders/:id/publish': () => import('./screens/publish/Publish.svelte'),
  '/review': () => import('./screens/review/Queue.svelte'),
  '/imports': () => import('./screens/imports/Imports.svelte'),
  '/imports/new': () => import('./screens/imports/NewImport.svelte'),
  '/imports/:id': () => import('./screens/imports/Import.svelte'),
  '/properties': () => import('./screens/properties/Properties.svelte'),
  '/properties/:id': () => import('./screens/properties/Property.svelte'),
  '/photos': () => import('./screens/review/Find.svelte'),
  '/settings': () => import('./screens/settings/Settings.svelte'),
  '/settings/:section': () => import('./screens/settings/Settings.svelte'),
  '/settings/:section/:id': () => import('./screens/settings/Settings.svelte'),
  '*': () => import('./shell/NotFound.svelte'),
});
