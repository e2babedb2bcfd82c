/** What iOS says of itself: whether it runs from the home screen, undefined in all other browsers. */
export const standalone = typeof navigator === 'undefined' ? undefined : (navigator as { standalone?: boolean }).standalone;

/** Whether the app runs on its own, from the home screen; undefined in the service worker, which can't tell. */
export function runsOnItsOwn(): boolean | undefined {
  if (typeof matchMedia === 'undefined') return undefined;
  return standalone === true || matchMedia('(display-mode: standalone)').matches;
}
