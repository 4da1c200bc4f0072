import type { SendMode, WorkspaceSettings } from '#contracts/workspace.ts'
import { escapeHtml } from '#platform/html/escape-html.ts'
import type { OutboxEntry, OutboxMessage, OutboxPosition } from './outbox-rows.ts'
import { page } from './page-style.ts'

type Shown = Pick<WorkspaceSettings, 'workspace' | 'name' | 'sendMode'>

/**
 * Served with the outbox's pages: the message itself runs in a sandboxed frame of no origin, and this stops
 * scripts a second time. Pictures are allowed, since messages have them.
 */
export const outboxContentSecurityPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; frame-src 'self'; base-uri 'none'; form-action 'none'"

/** `/outbox`: newest first. `older` is where the next page begins, null on the last. */
export function outboxListPage(
  workspace: Shown,
  entries: readonly OutboxEntry[],
  older: OutboxPosition | null,
): string {
  const rows = entries.map(
    (entry) => `<tr>
<td><a href="/outbox/${encodeURIComponent(entry.message_id)}">${escapeHtml(entry.subject || entry.opening || '(no subject)')}</a></td>
<td>${escapeHtml(entry.address)}<br><span class="soft">${escapeHtml(entry.channel)}</span></td>
<td>${stateBadge(entry)}</td>
<td>${instant(entry.created_at)}</td>
</tr>`,
  )
  const table = `<div class="card"><table>
<thead><tr><th scope="col">Message</th><th scope="col">To</th><th scope="col">State</th><th scope="col">Time</th></tr></thead>
<tbody>${rows.join('\n')}</tbody>
</table></div>`
  const empty =
    '<div class="card pad soft">Nothing here yet. What is sent while nothing may leave shows up here.</div>'
  const cursor = older === null ? '' : `?before=${older.createdAt}.${encodeURIComponent(older.messageId)}`
  const more = older === null ? '' : `<nav><a href="/outbox${cursor}" rel="next">Older messages</a></nav>`
  return page(
    `Outbox · ${workspace.name}`,
    `<header><h1>Outbox</h1><span class="soft">${escapeHtml(workspace.name)}</span>${modeBadge(workspace.sendMode)}</header>
${entries.length === 0 ? empty : table}
${more}`,
  )
}

/** `/outbox/{id}`: the message as the customer sees it, its plain text and its headers. */
export function outboxMessagePage(workspace: Shown, message: OutboxMessage): string {
  const headers = Object.entries(JSON.parse(message.headers_json) as Record<string, string>)
  const facts: [string, string][] = [
    ['From', escapeHtml(message.sender)],
    ['To', escapeHtml(message.address)],
    ['Channel', escapeHtml(message.channel)],
    ['Time', instant(message.created_at)],
    ['State', stateBadge(message)],
    ['Message', escapeHtml(message.message_id)],
  ]
  return page(
    message.subject || 'Message',
    `<p><a href="/outbox">← Outbox</a></p>
<header><h1>${escapeHtml(message.subject || `${message.channel} to ${message.address}`)}</h1>${modeBadge(workspace.sendMode)}</header>
<div class="card pad"><dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('')}</dl></div>
${message.html === '' ? '' : `<h2>As the customer sees it</h2><div class="card">${frame(message.html)}</div>`}
${message.text === '' ? '' : `<h2>Plain text</h2><div class="card pad"><pre>${escapeHtml(message.text)}</pre></div>`}
${message.url === '' ? '' : `<h2>Where a tap leads</h2><div class="card pad"><pre>${escapeHtml(message.url)}</pre></div>`}
${message.data_json === '{}' ? '' : `<h2>Data</h2><div class="card pad"><pre>${escapeHtml(JSON.stringify(JSON.parse(message.data_json), null, 2))}</pre></div>`}
<h2>Headers</h2>
<div class="card pad"><pre>${headers.map(([name, value]) => escapeHtml(`${name}: ${value}`)).join('\n')}</pre></div>`,
  )
}

/** No scripts, no origin, no forms; a link opens in a new tab outside the sandbox. */
function frame(html: string): string {
  const document = `<base target="_blank">${html}`
  return `<iframe title="Message" sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="${escapeHtml(document)}"></iframe>`
}

const modeTexts: Record<SendMode, string> = {
  outbox: 'Send mode: outbox, nothing leaves',
  allowlist: 'Send mode: allowlist, only listed addresses are sent to',
  live: 'Send mode: live, messages reach customers',
}

function modeBadge(mode: SendMode): string {
  return `<span class="mode ${mode}">${modeTexts[mode]}</span>`
}

function stateBadge({ state, reason }: { state: string; reason: string }): string {
  const why = reason === '' ? '' : ` <span class="soft">${escapeHtml(reason)}</span>`
  return `<span class="state ${escapeHtml(state)}">${escapeHtml(state)}</span>${why}`
}

function instant(ms: number): string {
  const iso = new Date(ms).toISOString()
  return `<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`
}
