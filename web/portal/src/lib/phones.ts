/** The address of the phone that a person has by this id; of whom, an old alert does not say. */
export const phonePlace = (id: string, user: string): string => '/settings/phones/' + encodeURIComponent(id) + (user ? '?' + new URLSearchParams({ user }).toString() : '');
