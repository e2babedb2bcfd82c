// Where this phone is, roughly, for distances: never asked of who has not allowed it yet.
import { within } from './clock';
import { db } from './db';

export type Spot = { latitude: number; longitude: number };

/** Metres between two spots, over the sphere. */
export function metres(a: Spot, b: Spot): number {
  const rad = Math.PI / 180;
  const h = Math.sin(((b.latitude - a.latitude) * rad) / 2) ** 2 + Math.cos(a.latitude * rad) * Math.cos(b.latitude * rad) * Math.sin(((b.longitude - a.longitude) * rad) / 2) ** 2;
  return 12_742_000 * Math.asin(Math.min(1, Math.sqrt(h)));
}

class Place {
  at = $state.raw<Spot | null>(null);
  private asked = 0;

  /** Whether the position may be asked for without a question to the person; where the browser does not say, once it was explained. */
  async allowed(): Promise<boolean> {
    if (!('geolocation' in navigator)) return false;
    const state = (await navigator.permissions?.query({ name: 'geolocation' }).then((s) => s.state, () => undefined)) ?? 'unknown';
    return state === 'granted' || (state === 'unknown' && ((await db.get('settings'))?.welcomed ?? false));
  }

  /** Looks once a minute at most. */
  async look(): Promise<void> {
    if (within(60_000, this.asked)) return;
    this.asked = Date.now();
    if (!(await this.allowed())) return;
    navigator.geolocation.getCurrentPosition((p) => (this.at = { latitude: p.coords.latitude, longitude: p.coords.longitude }), () => undefined, { maximumAge: 300_000, timeout: 20_000, enableHighAccuracy: false });
  }

  /** Metres from here to an order's property; null when either is not known. */
  to(o: { latitude?: number | null; longitude?: number | null }): number | null {
    if (!this.at || typeof o.latitude !== 'number' || typeof o.longitude !== 'number') return null;
    return metres(this.at, { latitude: o.latitude, longitude: o.longitude });
  }
}

export const place = new Place();

type Target = { latitude?: number | null; longitude?: number | null; address: { address1: string; city: string; state: string; zip: string; country: string } };

/** An address that opens the phone's own maps: geo: where the system hands it to them, Apple's where it does not know geo:. */
export function mapsLink(o: Target): string {
  const a = o.address;
  const text = [a.address1, a.city, [a.state, a.zip].filter(Boolean).join(' '), a.country].filter(Boolean).join(', ');
  const spot = typeof o.latitude === 'number' && typeof o.longitude === 'number' ? `${o.latitude},${o.longitude}` : '';
  if ('standalone' in navigator) return 'https://maps.apple.com/?daddr=' + encodeURIComponent(spot || text);
  return `geo:${spot || '0,0'}?q=${encodeURIComponent(spot ? `${spot}(${text})` : text)}`;
}
