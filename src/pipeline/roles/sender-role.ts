import { createDispatcher } from '../../action/dispatch/dispatcher.ts'
import { createLinks } from '../../action/links.ts'
import { channelFiles } from '../../action/load-channels.ts'
import { openChannels } from '../../action/open-channels.ts'
import { createSender, type Sender } from '../../action/sender.ts'
import { createCampaignVersions } from '../../campaign/campaign-versions.ts'
import { listWorkspaces } from '../../campaign/workspaces.ts'
import { createTemplateCache } from '../../creative/template-cache.ts'
import { createGuardrailRunner } from '../../guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../guardrails/run/load-guardrails.ts'
import { markEndpointGone } from '../../profile/endpoint-rows.ts'
import { suppress } from '../../profile/suppression-rows.ts'
import { reportFacts } from '../callbacks/report-facts.ts'
import { createClaimFacts } from '../claim-facts.ts'
import type { RoleParts } from '../engine-parts.ts'
import { linkSecret } from '../first-start.ts'
import { openExposures } from '../open-exposures.ts'
import { createProviderReport } from '../provider-report.ts'
import { createRenderPort } from '../render-message.ts'
import { createWorkspaceContexts } from '../workspace-context.ts'
import { keepGoing, type RoleRun } from './keep-going.ts'
import { runWebhooks } from './webhook-loop.ts'

export interface SenderRole extends Sender {
  close(): Promise<void>
}

/** By the wall clock; longer than any provider call may take. */
const leaseMs = 120_000
const templatesKept = 1000

/** The sender of this thread. What an earlier process left `sending` is `unknown` from here on. */
export async function assembleSender(parts: RoleParts): Promise<SenderRole> {
  const { store, clock, wallClock, settings } = parts
  const contexts = createWorkspaceContexts()
  const versions = createCampaignVersions()
  const templates = createTemplateCache(templatesKept)
  const channels = openChannels(await channelFiles(settings.channelsDir), settings.providers, {
    ...parts,
    inFlightMax: settings.sendsInFlightMax,
    publicUrl: settings.publicUrl,
    report: (source, facts) => reportFacts(parts, source, facts),
  })
  const dispatcher = createDispatcher({
    wallClock,
    random: parts.random,
    logger: parts.logger,
    ...(parts.tokenBucket === undefined ? {} : { bucket: parts.tokenBucket }),
  })
  const sender = createSender({
    store,
    clock,
    wallClock,
    random: parts.random,
    logger: parts.logger,
    ...(parts.capCache === undefined ? {} : { capCache: parts.capCache }),
    channels,
    dispatcher,
    owner: settings.owner,
    leaseMs,
    inFlightMax: settings.sendsInFlightMax,
    defaultFrom: settings.mailFrom,
    workspaces: { list: async () => (await listWorkspaces(store.read)).map(({ workspace }) => workspace) },
    guardrails: createGuardrailRunner(await loadGuardrails()),
    facts: createClaimFacts(contexts, { versions, templates, defaultFrom: settings.mailFrom }),
    render: createRenderPort(templates),
    ...(settings.bounceAddress === undefined ? {} : { bounceAddress: settings.bounceAddress }),
    links: createLinks({
      secret: await linkSecret(store),
      baseUrl: settings.publicUrl,
      ...(settings.linkUrls === undefined ? {} : { senderUrls: settings.linkUrls }),
    }),
    suppressions: { suppress },
    endpoints: { gone: markEndpointGone },
    sent: { recordSent: (db, messages, now) => openExposures(db, messages, now, versions) },
  })
  const health = createProviderReport({ parts, channels, dispatcher })
  await sender.recover(store.dialect === 'sqlite' ? 'all' : 'expired')
  await health.refresh()
  return {
    ...sender,
    async step() {
      const taken = await sender.step()
      await health.tellChanges()
      return taken
    },
    async recover(which) {
      await health.refresh()
      return await sender.recover(which)
    },
    async close() {
      await sender.drain()
      await channels.close()
    },
  }
}

/** Messages become due by time too: how long to wait without being woken. */
const idleMs = 200
const recoverEveryMs = 30_000

/** Sends until told to stop; what is in flight then gets its result first. */
export async function runSender(parts: RoleParts, sender: SenderRole, role: RoleRun): Promise<void> {
  let recoverAt = parts.wallClock.now() + recoverEveryMs
  const telling = runWebhooks(parts, role.stop)
  await keepGoing(parts.logger, role, async () => {
    const seen = parts.wake.version('messages')
    if ((await sender.step()) === 0) await parts.wake.changed('messages', seen, idleMs)
    if (parts.wallClock.now() < recoverAt) return
    recoverAt = parts.wallClock.now() + recoverEveryMs
    await sender.recover('expired')
  })
  await Promise.all([sender.close(), telling])
}
