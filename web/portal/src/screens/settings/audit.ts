// The audit log in the reader's words: a sentence an entry, and what each setting was and became.
import { m } from '$kit/words/messages';
import type { Schemas } from '$lib/api';
import { fieldName, policyName, privilegeName, roleName } from './words';

export type Entry = Schemas['AuditEntry'];
export type Kind = Entry['kind'];

const kinds: Record<Kind, () => string> = {
  account: m.settings_audit_account, user: m.settings_audit_user, role: m.settings_audit_role, token: m.settings_audit_token, session: m.settings_audit_session,
  work_type: m.settings_audit_work_type, survey: m.settings_audit_survey, integration: m.settings_audit_integration, destination: m.settings_audit_destination,
  share_link: m.settings_audit_share_link, proof_key: m.settings_audit_proof_key,
};
export const kindChoices = (Object.keys(kinds) as Kind[]).map((k) => [k, kinds[k]] as const);

/** What somebody did, without their name. */
export function sentence(e: Entry): string {
  if (e.kind === 'session') return m.settings_audit_signed_in();
  const name = e.kind === 'role' ? roleName(e.name) : e.kind === 'proof_key' ? '' : e.name;
  const what = (kinds[e.kind]() + ' ' + name).trim();
  const said = { created: m.settings_audit_created, changed: m.settings_audit_changed, deleted: m.settings_audit_deleted, invited: m.settings_audit_invited }[e.what];
  return said({ what });
}

const fields: Record<string, () => string> = {
  name: m.settings_name, username: m.username, role: m.settings_role, active: m.settings_audit_active, privileges: m.settings_audit_privileges, zone: m.settings_zone,
  qa_policy: m.settings_policy, certification_radius: m.settings_radius, retention_days: m.settings_retention, report_layout: m.settings_report_layout, review_reasons: m.settings_reasons,
  client_languages: m.settings_clients, units: m.settings_units,
  logo: m.settings_logo, enabled: m.settings_audit_enabled, push_key: m.settings_audit_push_key, secrets: m.settings_audit_secrets, paused: m.settings_audit_paused,
  ended: m.settings_audit_ended, peer: m.settings_audit_peer, tasks: m.settings_audit_tasks, revision: m.settings_audit_revision,
};
const said = (field: string): string => fields[field]?.() ?? fieldName(field).replaceAll('_', ' ');

function text(field: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '';
  if (value === true) return m.settings_audit_yes();
  if (value === false) return m.settings_audit_no();
  if (field === 'role') return roleName(String(value));
  if (field === 'privileges') return privilegeName(String(value));
  if (field === 'qa_policy') return policyName(String(value)) || String(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export type Line = { field: string; old: string; new: string };

const isMap = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const words = (v: unknown): v is string[] => Array.isArray(v) && v.every((x) => typeof x === 'string');

/** What a setting was and became, down to what really differs: members of an object and words of a list each by itself. */
export function lines(field: string, was: unknown, is: unknown, label = said(field)): Line[] {
  if (JSON.stringify(was) === JSON.stringify(is)) return was === null ? [{ field: label, old: '', new: m.settings_audit_another() }] : [];
  if ((isMap(was) || isMap(is)) && !Array.isArray(was) && !Array.isArray(is)) {
    const [a, b] = [isMap(was) ? was : {}, isMap(is) ? is : {}];
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((k) => JSON.stringify(a[k]) !== JSON.stringify(b[k])).flatMap((k) => lines(k, a[k] ?? '', b[k] ?? '', label === said(field) && field === 'settings' ? said(k) : label + ', ' + said(k)));
  }
  if ((words(was) || words(is)) && (words(was) || !was) && (words(is) || !is)) {
    const [a, b] = [words(was) ? was : [], words(is) ? is : []];
    const list = (of: string[]) => of.map((v) => text(field, v)).join(', ');
    const [gone, come] = [a.filter((v) => !b.includes(v)), b.filter((v) => !a.includes(v))];
    return [{ field: label, old: list(gone), new: list(gone.length || come.length ? come : b) }];
  }
  return [{ field: label, old: text(field, was), new: text(field, is) }];
}

/** All that an entry changed. What was made or deleted is named by its sentence. */
export const linesOf = (e: Entry): Line[] => (e.what === 'changed' ? (e.changes ?? []).flatMap((c) => lines(c.field, c.old, c.new)).filter((l) => l.old || l.new) : []);
