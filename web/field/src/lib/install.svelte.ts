// Whether this is the app on the home screen, or a tab; told by what the browser can do.
import { db, type Meta } from './db';
import { runsOnItsOwn, standalone } from './installed';
import { write } from './store';

type Offer = Event & { prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }> };

class Install {
  /** The app runs on its own, from the home screen. */
  installed = $state(runsOnItsOwn() ?? false);
  /** A tab that drops its data after a week without a visit, and keeps it apart from the installed app's. */
  readonly forgets = standalone === false;
  /** The browser's own way to install, where it gives one. */
  offer = $state.raw<Offer | null>(null);
  /** Its person works in the tab all the same. */
  waved = $state(false);

  constructor() {
    addEventListener('beforeinstallprompt', (e) => {
      e.preventDefault();
      this.offer = e as Offer;
    });
    addEventListener('appinstalled', () => {
      this.offer = null;
      this.installed = true;
    });
  }

  load(settings: Meta['settings'] | undefined): void {
    this.waved = settings?.tab_waved ?? false;
  }

  async ask(): Promise<void> {
    const offer = this.offer;
    this.offer = null; // it may be asked once
    await offer?.prompt();
  }

  async wave(): Promise<void> {
    this.waved = true;
    await write(async () => db.set('settings', { ...(await db.get('settings')), tab_waved: true }));
  }

  /** No photo is taken in a tab that forgets, until that is waved away. */
  get cameraAllowed(): boolean {
    return !this.forgets || this.waved;
  }
}

export const install = new Install();
