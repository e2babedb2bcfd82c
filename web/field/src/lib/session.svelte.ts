// Who is signed in on this phone. It works for weeks without a network; a session that ended keeps everything.
import { setFormat } from '$kit/format';
import { bare, db, type Account, type Meta, type Schemas, type SignedIn, type User } from './db';
import { ask, Away, line } from './net';
import { write } from './store';
import { uuid } from './uuid';

class Session {
  /** undefined: not read yet; null: nobody. */
  who = $state.raw<SignedIn | null | undefined>(undefined);
  /** The server knows the token no more: nothing is sent until its person is in again. */
  ended = $state(false);

  constructor() {
    line.addEventListener('ended', () => (this.ended = true));
  }

  /** Takes what is kept of it. */
  async load(kept: Pick<Partial<Meta>, 'device' | 'ended' | 'session'>): Promise<void> {
    if (!kept.device) await write(() => db.set('device', uuid()));
    this.ended = kept.ended ?? false;
    this.show(kept.session ?? null);
  }

  private show(who: SignedIn | null): void {
    if (who) setFormat({ zone: who.account.zone, region: who.account.region, units: who.account.units });
    this.who = who;
  }

  async signIn(username: string, password: string): Promise<void> {
    await this.enter(await ask<Schemas['Session']>('POST', '/sessions', { username, password, ...(await this.asked()) }, { token: null }));
  }

  /** Takes an invitation: setting the password uses it up. */
  async accept(token: string, password: string): Promise<void> {
    await this.enter(await ask<Schemas['Session']>('POST', '/invitations/accept', { token, password, ...(await this.asked()) }, { token: null }));
  }

  /** A token of this phone's own, no cookie. */
  private async asked() {
    return { cookie: false, device: await db.get('device') };
  }

  private async enter(s: Schemas['Session']): Promise<void> {
    const token = s.token ?? '';
    const account = await ask<Account>('GET', '/account', undefined, { token });
    const who: SignedIn = { token, user: s.user, account, host: location.origin, expires_at: s.expires_at };
    await write(() =>
      db.transaction('rw', [db.meta, db.orders, db.surveys, db.photos, db.items, db.thumbs], async () => {
        const before = (await db.get('cursor'))?.owner;
        if (before && before !== who.user.id) await this.forget(before);
        await db.set('session', who);
        await db.set('ended', false);
      }),
    );
    this.ended = false;
    this.show(who);
  }

  /** What one person was given is gone with them; what they took and did stays, and waits for them. */
  private async forget(owner: string): Promise<void> {
    await db.orders.where('owner').equals(owner).modify((o, ref) => {
      if (!o.local) ref.value = bare(o);
    });
    await db.surveys.where('owner').equals(owner).delete();
    const taken = new Set(await db.items.where('owner').equals(owner).primaryKeys());
    const given = await db.photos.where('owner').equals(owner).primaryKeys();
    await db.thumbs.bulkDelete(given.filter((uuid) => !taken.has(uuid)));
    await db.photos.where('owner').equals(owner).delete();
    await db.set('cursor', undefined);
    await db.set('synced_at', undefined);
  }

  /** Reads anew what the account and the role say; without a network what was known stays. */
  async renew(): Promise<void> {
    const was = this.who;
    if (!was || this.ended) return;
    const [account, current] = await Promise.all([ask<Account>('GET', '/account'), ask<{ user: User; expires_at: string | null }>('GET', '/sessions/current')]);
    const who = { ...was, account, user: current.user, expires_at: current.expires_at };
    if (JSON.stringify(who) === JSON.stringify(was)) return;
    const stands = await write(() =>
      db.transaction('rw', db.meta, async () => {
        const stands = (await db.get('session'))?.token === who.token; // they may have left meanwhile
        if (stands) await db.set('session', who);
        return stands;
      }),
    );
    if (stands && this.who?.token === who.token) this.show(who);
  }

  async leave(): Promise<void> {
    const who = this.who;
    if (!who) return;
    try {
      if (!this.ended) await ask('DELETE', '/sessions/current', undefined, { patience: 5000 });
    } catch (e) {
      if (!(e instanceof Away) && !(e instanceof Error && e.name === 'Refusal')) throw e; // the token ends by itself
    }
    await write(() =>
      db.transaction('rw', [db.meta, db.orders, db.surveys, db.photos, db.items, db.thumbs], async () => {
        await this.forget(who.user.id);
        await db.set('session', undefined);
        await db.set('ended', undefined);
      }),
    );
    this.ended = false;
    this.show(null);
  }

  get id(): string {
    return this.who?.user.id ?? '';
  }

  can(privilege: string): boolean {
    return this.who?.user.privileges?.some((p) => p === privilege) ?? false;
  }
}

export const session = new Session();
