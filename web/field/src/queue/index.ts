/** Begins to send. */
export function start(): void {}

/** Announces again all that is kept here. */
export async function announceAll(): Promise<void> {}
