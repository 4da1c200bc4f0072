/** One window as the count has it; the workspace's file is written from the same list. */
export interface Window {
  sendsMax: number
  hours?: number
  localDays?: number
  channel?: 'email' | 'in-app'
}

/** Sliding and by local day, of one channel and of all. A day lasts 24 s. */
export const windows: readonly Window[] = [
  { sendsMax: 4, hours: 24 },
  { sendsMax: 6, localDays: 2 },
  { sendsMax: 2, hours: 8, channel: 'email' },
  { sendsMax: 3, localDays: 1, channel: 'email' },
  { sendsMax: 2, hours: 12, channel: 'in-app' },
]

/** Between two e-mails. */
export const leastGapMinutes = 60

export const campaigns = [
  { id: 'alarm', event: 'Price Dropped', priority: 'high' },
  { id: 'cart', event: 'Cart Updated', priority: 'normal' },
  { id: 'news', event: 'Article Read', priority: 'low' },
] as const
export const placement = 'home-banner'

/** Offsets of whole, half and quarter hours, with and without summer time. */
export const zones = [
  'America/New_York',
  'America/Santiago',
  'Asia/Kathmandu',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Europe/Berlin',
  'Pacific/Auckland',
  'UTC',
] as const

/** Of the workspace. Messages wait for a slot for a day, and lapse then. */
export function workspaceFile(): string {
  const caps = windows.map(({ sendsMax, channel, ...window }) =>
    JSON.stringify({ sendsMax, window, ...(channel === undefined ? {} : { channel }) }),
  )
  return `
goals:
  - { id: order, event: Order Completed, windowHours: 24 }
offers:
  - { id: tea, name: Tea, value: 20 }
templates:
  - { id: mail, channel: email, subject: Tea, html: "<p>Tea. {{links.unsubscribe}}</p>", text: "Tea. {{links.unsubscribe}}" }
  - { id: banner, channel: in-app, subject: Tea, text: Tea }
experiments:
${[...campaigns.map(({ id }) => arms(id, 'email')), arms('banner', 'in-app')].join('\n')}
guardrails:
  frequencyCaps: [${caps.join(', ')}]
  leastGaps: [{ minutes: ${leastGapMinutes}, channel: email }]
campaigns:
${campaigns.map(({ id, event, priority }) => campaign(id, `event: ${event}`, priority, 'email', 'mail')).join('\n')}
${campaign('banner', `placement: ${placement}`, 'normal', 'in-app', 'banner')}
`
}

/** Both arms send: whoever gets nothing was refused. */
function arms(id: string, channel: string): string {
  return `  - id: ${id}-words
    arms:
      - { id: a, share: 0.5, control: true, treatment: tea/${channel} }
      - { id: b, share: 0.5, treatment: tea/${channel} }`
}

/**
 * What a placement was given is held for four days: a server that was killed may take a minute and a half on a busy
 * machine until what was shown is in the ledger.
 */
function campaign(id: string, trigger: string, priority: string, channel: string, template: string): string {
  const expiresAfterHours = channel === 'email' ? 24 : 96
  return `  - id: ${id}
    name: ${id}
    goal: order
    trigger: { ${trigger} }
    priority: ${priority}
    holdout: 0
    policy: { kind: fixed-split, experiment: ${id}-words }
    expiresAfterHours: ${expiresAfterHours}
    treatments: [{ offer: tea, channel: ${channel}, variants: [{ id: plain, template: ${template} }] }]`
}
