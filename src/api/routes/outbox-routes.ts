import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { outboxContentSecurityPolicy, outboxListPage, outboxMessagePage } from '../../action/outbox-page.ts'
import { listOutbox, loadOutboxMessage, type OutboxPosition } from '../../action/outbox-rows.ts'
import { loadWorkspace } from '../../campaign/workspaces.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { sendPage } from '../send-page.ts'

const entriesPerPage = 50

/** Messages as the customer would see them. Behind `pageAccess`. */
export function outboxRoutes({ store }: Doors): ApiRoutes {
  const shownWorkspace = async (workspace: string) => {
    const settings = await loadWorkspace(store.read, workspace)
    if (settings === null) throw new Error(`no workspace ${workspace}`)
    return settings
  }
  return (app) => {
    app.get(
      '/outbox',
      { schema: { hide: true, querystring: z.object({ before: z.string().max(200).optional() }) } as const },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const before = positionOf(request.query.before)
        if (before === null) {
          const detail = '`before` is the time and the id of a message: follow the link of the page'
          return sendFault(reply, { code: 'invalid_request', detail, field: 'before' })
        }
        const rows = await listOutbox(store.read.workspace(workspace), {
          limit: entriesPerPage + 1,
          ...(before === undefined ? {} : { before }),
        })
        const entries = rows.slice(0, entriesPerPage)
        const last = entries.at(-1)
        const older =
          rows.length > entriesPerPage && last !== undefined
            ? { createdAt: last.created_at, messageId: last.message_id }
            : null
        return show(reply, outboxListPage(await shownWorkspace(workspace), entries, older))
      },
    )

    app.get(
      '/outbox/:id',
      { schema: { hide: true, params: z.object({ id: z.string().max(64) }) } as const },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { id } = request.params
        const message = await loadOutboxMessage(store.read.workspace(workspace), id)
        if (message === null) {
          return sendFault(reply, { code: 'not_found', detail: `no message ${id} in the outbox` })
        }
        return show(reply, outboxMessagePage(await shownWorkspace(workspace), message))
      },
    )
  }
}

function show<Reply extends object>(reply: Reply, html: string): Reply {
  ;(reply as unknown as FastifyReply).header('content-security-policy', outboxContentSecurityPolicy)
  return sendPage(reply, html)
}

/** `<createdAt>.<messageId>`; undefined where the page begins at the newest, null where it is neither. */
function positionOf(before: string | undefined): OutboxPosition | undefined | null {
  if (before === undefined) return undefined
  const match = /^(\d{1,16})\.(.+)$/s.exec(before)
  return match === null ? null : { createdAt: Number(match[1]), messageId: match[2]! }
}
