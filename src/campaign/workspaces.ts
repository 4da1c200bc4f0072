import { idSchema } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import { localeSchema } from '#contracts/locale.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { isZone } from '#platform/clock/local-time.ts'
import { isCountry } from '#platform/phone/e164.ts'
import type { RowOf, StoreScope, StoreTransaction } from '#platform/store/store.ts'

export interface NewWorkspace
  extends Pick<
    WorkspaceSettings,
    'workspace' | 'name' | 'reportingCurrency' | 'zone' | 'country' | 'locale'
  > {
  /** Default `outbox`: nothing leaves. */
  sendMode?: WorkspaceSettings['sendMode']
  allowlist?: string[]
  createdAt: InstantMs
}

export type WorkspaceResult =
  | { kind: 'saved'; settings: WorkspaceSettings }
  | { kind: 'refused'; fault: ApiFault }

/** The reporting currency is chosen once: sums already stored are in it. */
export type WorkspacePatch = Partial<
  Pick<WorkspaceSettings, 'name' | 'sendMode' | 'allowlist' | 'killSwitch' | 'zone' | 'country' | 'locale'>
>

export async function createWorkspace(tx: StoreTransaction, input: NewWorkspace): Promise<WorkspaceResult> {
  const { createdAt, sendMode = 'outbox', allowlist = [], ...named } = input
  const settings: WorkspaceSettings = {
    ...named,
    sendMode,
    allowlist: allowlist.map(normalAddress),
    killSwitch: false,
  }
  const fault = faultOf(settings)
  if (fault !== null) return { kind: 'refused', fault }
  if ((await loadWorkspace(tx, settings.workspace)) !== null) {
    return {
      kind: 'refused',
      fault: { code: 'conflict', detail: `there is a workspace ${settings.workspace} already` },
    }
  }
  await tx.system
    .insertInto('workspaces')
    .values({ ...rowOf(settings), created_at: createdAt })
    .execute()
  return { kind: 'saved', settings }
}

export async function loadWorkspace(scope: StoreScope, workspace: string): Promise<WorkspaceSettings | null> {
  const row = await scope.system
    .selectFrom('workspaces')
    .selectAll('workspaces')
    .where('workspaces.workspace', '=', workspace)
    .executeTakeFirst()
  return row === undefined ? null : settingsOf(row)
}

export async function listWorkspaces(scope: StoreScope): Promise<WorkspaceSettings[]> {
  const rows = await scope.system
    .selectFrom('workspaces')
    .selectAll('workspaces')
    .orderBy('workspaces.workspace')
    .execute()
  return rows.map(settingsOf)
}

export async function updateWorkspace(
  tx: StoreTransaction,
  workspace: string,
  patch: WorkspacePatch,
): Promise<WorkspaceResult> {
  const before = await loadWorkspace(tx, workspace)
  if (before === null)
    return { kind: 'refused', fault: { code: 'not_found', detail: `there is no workspace ${workspace}` } }
  const allowlist = (patch.allowlist ?? before.allowlist).map(normalAddress)
  const settings: WorkspaceSettings = { ...before, ...patch, allowlist }
  const fault = faultOf(settings)
  if (fault !== null) return { kind: 'refused', fault }
  await tx.system
    .updateTable('workspaces')
    .set(rowOf(settings))
    .where('workspaces.workspace', '=', workspace)
    .execute()
  return { kind: 'saved', settings }
}

function faultOf({
  workspace,
  name,
  reportingCurrency,
  zone,
  allowlist,
  country,
  locale,
}: WorkspaceSettings): ApiFault | null {
  const fault = (field: string, detail: string): ApiFault => ({ code: 'invalid_definition', field, detail })
  if (!idSchema.safeParse(workspace).success)
    return fault('workspace', 'lower-case letters, digits and hyphens, at most 63')
  if (name.trim() === '') return fault('name', 'a workspace has a name')
  if (!Intl.supportedValuesOf('currency').includes(reportingCurrency)) {
    return fault('reportingCurrency', `${reportingCurrency} is no ISO 4217 code`)
  }
  if (!isZone(zone)) return fault('zone', `${zone} is no IANA time zone`)
  if (country !== undefined && !isCountry(country)) return fault('country', `${country} is no ISO 3166 code`)
  if (locale !== undefined && !localeSchema.safeParse(locale).success)
    return fault('locale', `${locale} is no language as in pt, pt-BR or zh-Hant`)
  const stray = allowlist.findIndex((address) => !/^\S+$/.test(address))
  return stray < 0 ? null : fault(`allowlist[${stray}]`, 'an address, or @domain for all of a domain')
}

function normalAddress(address: string): string {
  return address.trim().toLowerCase()
}

function settingsOf(row: RowOf<'workspaces'>): WorkspaceSettings {
  return {
    workspace: row.workspace,
    name: row.name,
    sendMode: row.send_mode,
    allowlist: JSON.parse(row.allowlist_json) as string[],
    killSwitch: row.kill_switch === 1,
    reportingCurrency: row.reporting_currency,
    zone: row.zone,
    ...(row.country === null ? {} : { country: row.country }),
    ...(row.locale === null ? {} : { locale: row.locale }),
  }
}

function rowOf({
  workspace,
  name,
  sendMode,
  allowlist,
  killSwitch,
  reportingCurrency,
  zone,
  country,
  locale,
}: WorkspaceSettings) {
  return {
    workspace,
    name,
    send_mode: sendMode,
    allowlist_json: JSON.stringify(allowlist),
    kill_switch: killSwitch ? (1 as const) : (0 as const),
    reporting_currency: reportingCurrency,
    zone,
    country: country ?? null,
    locale: locale ?? null,
  }
}
