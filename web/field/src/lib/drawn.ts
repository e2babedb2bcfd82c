/** Resolves when what stands on the page now was drawn; on a page that is hidden, which draws nothing, after half a second. */
export function drawn(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 500);
  });
}
