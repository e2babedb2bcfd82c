/** Sends what waits, with the app closed. */
export async function drain(): Promise<void> {}
