import type { FastifyPluginAsync } from 'fastify'
import { linkSecret } from '../../pipeline/first-start.ts'
import { createCustomerTokens } from '../../profile/customer-tokens.ts'
import type { ApiApp, ApiRoutes } from '../api-app.ts'
import { openCustomerDoor } from '../customer-door.ts'
import type { Doors } from '../doors.ts'
import { pageAccess } from '../page-access.ts'
import { bounceRoutes } from './bounce-routes.ts'
import { broadcastRoutes } from './broadcast-routes.ts'
import { callbackRoutes } from './callback-routes.ts'
import { campaignRoutes } from './campaign-routes.ts'
import { couponRoutes } from './coupon-routes.ts'
import { customerRoutes } from './customer-routes.ts'
import { customerTokenRoutes } from './customer-token-routes.ts'
import { deadLetterRoutes } from './dead-letter-routes.ts'
import { decisionRoutes } from './decision-routes.ts'
import { deliverabilityRoutes } from './deliverability-routes.ts'
import { endpointRoutes } from './endpoint-routes.ts'
import { eventCatalogueRoutes } from './event-catalogue-routes.ts'
import { importRoutes } from './import-routes.ts'
import { inboxRoutes } from './inbox-routes.ts'
import { itemFeedRoutes } from './item-feed-routes.ts'
import { itemRoutes } from './item-routes.ts'
import { linkRoutes } from './link-routes.ts'
import { maintenanceRoutes } from './maintenance-routes.ts'
import { messageRoutes } from './message-routes.ts'
import { networkRoutes } from './network-routes.ts'
import { outboxRoutes } from './outbox-routes.ts'
import { pageRoutes } from './page-routes.ts'
import { placementRoutes } from './placement-routes.ts'
import { policyRoutes } from './policy-routes.ts'
import { preferenceRoutes } from './preference-routes.ts'
import { rehearsalRoutes } from './rehearsal-routes.ts'
import { rejectedEventRoutes } from './rejected-event-routes.ts'
import { sdkRoutes } from './sdk-routes.ts'
import { segmentRoutes } from './segment-routes.ts'
import { sendRoutes } from './send-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { suppressionRoutes } from './suppression-routes.ts'
import { templateCandidateRoutes } from './template-candidate-routes.ts'
import { templateRoutes } from './template-routes.ts'
import { webhookRoutes } from './webhook-routes.ts'
import { workspaceFileRoutes } from './workspace-file-routes.ts'
import { workspaceRoutes } from './workspace-routes.ts'

/** Under /api/v1, behind an admin key. */
export function adminRoutes(doors: Doors): ApiRoutes[] {
  return [
    workspaceFileRoutes(doors),
    campaignRoutes(doors),
    broadcastRoutes(doors),
    templateRoutes(doors),
    templateCandidateRoutes(doors),
    customerRoutes(doors),
    segmentRoutes(doors),
    suppressionRoutes(doors),
    importRoutes(doors),
    couponRoutes(doors),
    itemRoutes(doors),
    itemFeedRoutes(doors),
    messageRoutes(doors),
    sendRoutes(doors),
    deadLetterRoutes(doors),
    bounceRoutes(doors),
    placementRoutes(doors),
    decisionRoutes(doors),
    policyRoutes(doors),
    networkRoutes(doors),
    rehearsalRoutes(doors),
    webhookRoutes(doors),
    workspaceRoutes(doors),
    statusRoutes(doors),
    deliverabilityRoutes(doors),
    maintenanceRoutes(doors),
    eventCatalogueRoutes(doors),
    rejectedEventRoutes(doors.rejectedEvents),
  ]
}

/** From the root: links of messages need no key, pages for operators ask as `pageAccess` says. */
export function publicRoutes(doors: Doors): ApiRoutes[] {
  const pages: ApiRoutes = async (app) => {
    app.addHook('onRequest', pageAccess(doors))
    for (const routes of [pageRoutes(doors), outboxRoutes(doors)]) await routes(app)
  }
  return [
    apart(linkRoutes(doors)),
    apart(preferenceRoutes(doors)),
    apart(callbackRoutes(doors)),
    apart(pages),
    ...customerDoors(doors),
  ]
}

/** What apps and browsers of customers ask, proven by a token that the product's server had made. */
function customerDoors(doors: Doors): ApiRoutes[] {
  const { store, wallClock } = doors
  const tokens = async () => createCustomerTokens({ secret: await linkSecret(store), wallClock })
  const own: ApiRoutes = async (app) => {
    openCustomerDoor(app, await tokens())
    for (const routes of [endpointRoutes(doors), inboxRoutes(doors)]) await routes(app)
  }
  const issue: ApiRoutes = async (app) => customerTokenRoutes(doors, await tokens())(app)
  return [apart(own), apart(issue), apart(sdkRoutes(doors))]
}

/** In a scope of its own: what it says about bodies and access is not said for others. */
function apart(routes: ApiRoutes): ApiRoutes {
  const plugin: FastifyPluginAsync = async (scope) => routes(scope as unknown as ApiApp)
  return async (app) => {
    await app.register(plugin)
  }
}
