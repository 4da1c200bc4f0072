import { z } from 'zod'
import { idSchema } from '#contracts/campaign.ts'
import type { ApiFault } from '#contracts/errors.ts'
import { countSegment, listSegment } from '../../pipeline/segment-members.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const tags = ['segments']
const params = z.object({ segmentId: idSchema })

export function segmentRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/segments/:segmentId/size',
      {
        schema: {
          tags,
          summary: 'How many customers a segment has',
          description: 'Counted now, by what the segment says now.',
          security: adminSecurity,
          params,
          response: { 200: z.object({ customers: z.int().nonnegative(), asOf: z.iso.datetime() }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { segmentId } = request.params
        const counted = await countSegment({ store, clock }, workspace, segmentId)
        if (counted.kind !== 'found') return sendFault(reply, faultOf(counted.kind, segmentId))
        const { customers, asOf } = counted.answer
        return reply.send({ customers, asOf: new Date(asOf).toISOString() })
      },
    )

    app.get(
      '/segments/:segmentId/customers',
      {
        schema: {
          tags,
          summary: 'List the customers of a segment',
          description:
            'By customer id. Where `next` is given there may be more: ask with it as `after`. A page may be short, or empty, before the end.',
          security: adminSecurity,
          params,
          querystring: z.object({
            after: z.string().max(64).default(''),
            limit: z.coerce.number().int().min(1).max(1000).default(100),
          }),
          response: {
            200: z.object({
              items: z.array(
                z.object({
                  customerId: z.string(),
                  email: z.string().describe('Empty where none is known.'),
                }),
              ),
              next: z.string().nullable(),
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { segmentId } = request.params
        const listed = await listSegment({ store, clock }, workspace, segmentId, request.query)
        if (listed.kind !== 'found') return sendFault(reply, faultOf(listed.kind, segmentId))
        const { members, next } = listed.answer
        return reply.send({ items: members, next })
      },
    )
  }
}

function faultOf(kind: 'unknown' | 'too-large', segmentId: string): ApiFault {
  return kind === 'unknown'
    ? { code: 'not_found', detail: `there is no segment ${segmentId}` }
    : {
        code: 'conflict',
        detail: `segment ${segmentId} has too many parts, with those it names, to be counted at once`,
      }
}
