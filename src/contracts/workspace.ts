export type SendMode = 'outbox' | 'allowlist' | 'live'

/** A tenant's settings. */
export interface WorkspaceSettings {
  workspace: string
  name: string
  /** `outbox`: nothing leaves. `allowlist`: only listed addresses are sent to for real. */
  sendMode: SendMode
  /** Addresses and `@domain`s. */
  allowlist: string[]
  killSwitch: boolean
  /** ISO 4217. */
  reportingCurrency: string
  /** IANA zone of customers without one of their own. */
  zone: string
  /** Two letters of ISO 3166: whose numbers those are that have no country code. Without it they are none. */
  country?: string
  /** BCP 47: what templates are written in that do not say, and who reads none of the others. Default: English. */
  locale?: string
}
