// The secret that was just made, for as long as its page is looked at: it is shown once.
export const fresh = $state<{ secret: { of: string; value: string } | null }>({ secret: null });
