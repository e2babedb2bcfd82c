/** Lets go of a picture's address, once whatever may still be loading it has it: a revoked one is an error on the console. */
export function letGo(url: string): void {
  if (url) setTimeout(() => URL.revokeObjectURL(url), 5000);
}
