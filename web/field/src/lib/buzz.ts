/** Vibrates for so many ms where the phone can; a browser that was not touched yet refuses it, and complains. */
export function buzz(ms: number): void {
  const touched = (navigator as { userActivation?: { hasBeenActive: boolean } }).userActivation?.hasBeenActive ?? true;
  if (touched) navigator.vibrate?.(ms);
}
