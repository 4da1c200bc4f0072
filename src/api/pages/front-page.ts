import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { escapeHtml } from '#platform/html/escape-html.ts'
import { page } from '../../action/page-style.ts'
import type { ListedCampaign } from '../../campaign/campaign-rows.ts'

const modes = {
  outbox: 'Send mode outbox: nothing leaves, messages stay in the outbox',
  allowlist: 'Send mode allowlist: only listed addresses are sent to',
  live: 'Send mode live: messages reach customers',
}

/** `/`: where things stand and where to go. */
export function frontPage(workspace: WorkspaceSettings, campaigns: readonly ListedCampaign[]): string {
  const rows = campaigns.map(
    ({ campaignId, spec, state, version, waiting }) => `<tr>
<td><a href="/reports/${encodeURIComponent(campaignId)}">${escapeHtml(spec.name)}</a><br><span class="soft">${escapeHtml(campaignId)}</span></td>
<td><span class="state">${escapeHtml(state)}</span></td>
<td>version ${version}${waiting === null ? '' : `<br><span class="soft">version ${waiting.version} ${escapeHtml(waiting.state)}</span>`}</td>
</tr>`,
  )
  const table = `<div class="card"><table>
<thead><tr><th scope="col">Campaign</th><th scope="col">State</th><th scope="col">Version</th></tr></thead>
<tbody>${rows.join('\n')}</tbody>
</table></div>`
  const kill = workspace.killSwitch ? '<span class="mode live">Kill switch on: nothing is sent</span>' : ''
  return page(
    `Starling · ${workspace.name}`,
    `<header><h1>Starling</h1><span class="soft">${escapeHtml(workspace.name)}</span>
<span class="mode ${workspace.sendMode}">${modes[workspace.sendMode]}</span>${kill}</header>
<nav><a href="/outbox">Outbox</a> · <a href="/docs">API</a></nav>
<h2>Campaigns</h2>
${campaigns.length === 0 ? beginning : table}`,
  )
}

const beginning = `<div class="card pad">
<p>None yet. To begin:</p>
<ol>
<li>Point a Segment client at this address, with the write key.</li>
<li>Write offers, a goal, templates and a campaign as YAML, then <code>starling apply FILE</code>.</li>
<li><code>starling campaign approve ID</code>, then <code>starling campaign launch ID</code>.</li>
</ol>
</div>`
