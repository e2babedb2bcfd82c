// Who is signed in, and what they may do.
import { setFormat } from '$kit/format';
import { api, ok, onSessionEnd, Refusal, type Schemas } from './api';
import { keys } from './keys.svelte';
import { listenFrom } from './stream';

export type User = Schemas['User'];
export type Account = Schemas['Account'];

class Session {
  /** undefined: not asked yet; null: nobody. */
  user = $state<User | null | undefined>(undefined);
  account = $state<Account | null>(null);
  /** The session of this tab ended while somebody worked: what they typed stays, and they sign in over it. */
  ended = $state(false);

  constructor() {
    onSessionEnd(() => {
      if (this.user) this.ended = true;
    });
  }

  /** Reads who is signed in by the cookie. */
  async load(): Promise<void> {
    try {
      const s = await ok(api.GET('/sessions/current'));
      await this.enter(s);
    } catch (e) {
      if (!(e instanceof Refusal) || e.status !== 401) throw e;
      this.user = null;
    }
  }

  async enter(s: Schemas['Session']): Promise<void> {
    const other = this.user && this.user.id !== s.user.id;
    listenFrom(s.last_event_id);
    this.account = await ok(api.GET('/account'));
    setFormat({ zone: this.account.zone, region: this.account.region, units: this.account.units });
    keys.belongTo(s.own.keys ?? {});
    this.user = s.user;
    this.ended = false;
    if (other) location.assign('/'); // nothing of the one before stays on the screen
  }

  async leave(): Promise<void> {
    await ok(api.DELETE('/sessions/current'));
    location.assign('/sign-in');
  }

  can(privilege: string): boolean {
    return this.user?.privileges?.some((p) => p === privilege) ?? false;
  }

  /** Office staff see the whole account; the others what is theirs. */
  get office(): boolean {
    return this.can('view_all_orders');
  }
}

export const session = new Session();
