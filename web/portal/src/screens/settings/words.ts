// The words of what the API names by fixed words.
import { m } from '$kit/words/messages';

const roles: Record<string, () => string> = {
  admin: m.settings_role_admin, staff: m.settings_role_staff, crew: m.settings_role_crew,
  restricted_crew: m.settings_role_restricted_crew, subcontractor: m.settings_role_subcontractor,
};
/** A built-in role in the reader's language; an account's own as it is named. */
export const roleName = (name: string) => roles[name]?.() ?? name;

const privileges: Record<string, () => string> = {
  view_all_orders: m.settings_p_view_all_orders, view_office_fields: m.settings_p_view_office_fields, create_orders: m.settings_p_create_orders,
  edit_orders: m.settings_p_edit_orders, add_tasks: m.settings_p_add_tasks, assign_orders: m.settings_p_assign_orders, complete_orders: m.settings_p_complete_orders,
  review_orders: m.settings_p_review_orders, publish_orders: m.settings_p_publish_orders, cancel_orders: m.settings_p_cancel_orders,
  delete_orders: m.settings_p_delete_orders, upload_items: m.settings_p_upload_items, edit_own_items: m.settings_p_edit_own_items,
  edit_all_items: m.settings_p_edit_all_items, view_publications: m.settings_p_view_publications, retry_deliveries: m.settings_p_retry_deliveries,
  view_properties: m.settings_p_view_properties, edit_properties: m.settings_p_edit_properties, manage_users: m.settings_p_manage_users,
  edit_roles: m.settings_p_edit_roles, manage_account: m.settings_p_manage_account, manage_destinations: m.settings_p_manage_destinations,
  manage_integrations: m.settings_p_manage_integrations, view_alerts: m.settings_p_view_alerts, dismiss_alerts: m.settings_p_dismiss_alerts,
};
export const privilegeNames = Object.keys(privileges);
export const privilegeName = (name: string) => privileges[name]?.() ?? name;

export const policies: [string, () => string][] = [
  ['office_review', m.settings_policy_office_review], ['auto_publish', m.settings_policy_auto_publish], ['auto_relay', m.settings_policy_auto_relay],
];
export const policyName = (name: string | null | undefined) => policies.find(([p]) => p === name)?.[1]() ?? '';

export const publishTos: [string, () => string][] = [
  ['both', m.settings_to_both], ['client', m.settings_to_client], ['storage', m.settings_to_storage], ['none', m.settings_to_none],
];

const kinds: Record<string, () => string> = {
  webhook: m.settings_kind_webhook, folder: m.settings_kind_folder, drive: m.settings_kind_drive, dropbox: m.settings_kind_dropbox, s3: m.settings_kind_s3,
  sftp: m.settings_kind_sftp, webdav: m.settings_kind_webdav, client: m.settings_kind_client, mail: m.settings_kind_mail, share: m.settings_kind_share,
  push: m.settings_kind_push, external: m.settings_kind_external, watched_folder: m.settings_kind_watched_folder,
};
export const kindName = (kind: string) => kinds[kind]?.() ?? kind;

const fields: Record<string, () => string> = {
  url: m.settings_f_url, authorization: m.settings_f_authorization, path: m.settings_f_path, template: m.settings_f_template, extension: m.settings_f_extension,
  username: m.username, password: m.password, token: m.settings_f_token, to: m.settings_f_to, subject: m.settings_f_subject, message: m.settings_f_message,
  backend: m.settings_f_backend, every_minutes: m.settings_f_every_minutes, events: m.settings_f_events, host: m.settings_f_host, port: m.settings_f_port,
  user: m.username, pass: m.password, endpoint: m.settings_f_endpoint, region: m.settings_f_region, provider: m.settings_f_provider,
  save_metadata: m.settings_save_metadata, no_report: m.settings_no_report, archive: m.settings_with_archive, include_file: m.settings_include_file, attach: m.settings_attach,
  access_key_id: m.settings_f_access_key_id, secret_access_key: m.settings_f_secret_access_key,
};
export const fieldName = (name: string) => fields[name.replace('options.', '')]?.() ?? name;

/** What a mail brings; a mail that says nothing brings the report. */
export const attachments: [string, () => string][] = [['', m.settings_attach_report], ['link', m.settings_attach_link], ['both', m.settings_attach_both]];
