// What was made on this phone has an id of ours, a uuid, until the server gives its own: that has no hyphen.

export function isLocal(id: string | null | undefined): boolean {
  return Boolean(id?.includes('-'));
}

/** Whether something waits for an order or a task that the server does not know yet. */
export function hangs(on: { order_id: string; task_id?: string | null }): boolean {
  return isLocal(on.order_id) || isLocal(on.task_id);
}
