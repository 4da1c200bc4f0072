import { z } from 'zod'
import { listCampaigns } from '../../campaign/campaign-rows.ts'
import { loadWorkspace } from '../../campaign/workspaces.ts'
import { campaignReport } from '../../pipeline/campaign-report.ts'
import { reportPage } from '../../report/report-page.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { frontPage } from '../pages/front-page.ts'
import { sendFault } from '../problem.ts'
import { sendPage } from '../send-page.ts'
import { noCampaign } from './campaign-routes.ts'

/** The front page and the reports. Behind `pageAccess`. */
export function pageRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.get('/', { schema: { hide: true } as const }, async (request, reply) => {
      const { workspace } = principalOf(request)
      const html = await store.snapshot(async (scope) => {
        const settings = await loadWorkspace(scope, workspace)
        if (settings === null) throw new Error(`no workspace ${workspace}`)
        return frontPage(settings, await listCampaigns(scope.workspace(workspace)))
      })
      return sendPage(reply, html)
    })

    app.get(
      '/reports/:campaign',
      { schema: { hide: true, params: z.object({ campaign: z.string().max(64) }) } as const },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { campaign } = request.params
        const report = await campaignReport(store, workspace, campaign, clock.now())
        if (report === null) return sendFault(reply, noCampaign(campaign))
        return sendPage(
          reply,
          reportPage(report, [
            { label: 'All campaigns', href: '/' },
            { label: 'Outbox', href: '/outbox' },
          ]),
        )
      },
    )
  }
}
