import { z } from 'zod'
import { idSchema } from '#contracts/campaign.ts'
import type { ApiFault } from '#contracts/errors.ts'
import { listPools } from '../../action/coupons/coupon-rows.ts'
import type { Redeemed } from '../../action/coupons/redeem-codes.ts'
import { importCodes, redeem, reserveForCustomer, saveCouponPool } from '../../pipeline/change-coupons.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { codeLines, headerFault } from '../import-lines.ts'
import { sendFault } from '../problem.ts'
import { readCsv } from '../read-csv.ts'
import { adminSecurity } from '../shapes.ts'
import { importBytesMax, importRowsMax } from './import-routes.ts'

const hourMs = 3_600_000
const tags = ['coupons']
const security = adminSecurity
const params = z.object({ poolId: idSchema })
const customerSchema = z.string().min(1).max(256).describe('Our id or the product’s user id.')
const count = z.int().nonnegative()

const poolSchema = z
  .object({
    poolId: idSchema,
    name: z.string(),
    expiresAt: z.iso.datetime().describe('From then on no code of it is given or redeemed.'),
    holdHours: z.number(),
    redemptionsMax: z.int().describe('Of one customer; 0: any number.'),
    codes: z
      .object({ available: count, reserved: count, given: count, redeemed: count, expired: count })
      .describe('They add up to what was imported.'),
  })
  .meta({ id: 'CouponPool' })

const poolBody = z.object({
  name: z.string().max(200).default(''),
  expiresAt: z.iso.datetime({ offset: true }),
  holdHours: z.number().positive().max(8760).default(24).describe('How long a reservation holds.'),
  redemptionsMax: z.int().min(0).max(1_000_000).default(0).describe('Of one customer; 0: any number.'),
})

export function couponRoutes(doors: Doors): ApiRoutes {
  return async (app) => {
    for (const routes of [poolRoutes(doors), codeRoutes(doors)]) await routes(app)
  }
}

function poolRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/coupon-pools',
      {
        schema: {
          tags,
          summary: 'List pools of single-use codes with what has become of their codes',
          security,
          response: { 200: z.object({ items: z.array(poolSchema) }) },
        },
      },
      async (request, reply) => {
        const db = store.read.workspace(principalOf(request).workspace)
        const pools = await listPools(db, clock.now())
        return reply.send({
          items: pools.map(({ holdMs, expiresAt, ...pool }) => ({
            ...pool,
            expiresAt: new Date(expiresAt).toISOString(),
            holdHours: holdMs / hourMs,
          })),
        })
      },
    )

    app.put(
      '/coupon-pools/:poolId',
      {
        schema: {
          tags,
          summary: 'Make a pool of single-use codes, or change what it says',
          description: 'Its codes stay as they are.',
          security,
          params,
          body: poolBody,
          response: { 200: z.object({ poolId: idSchema }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { poolId } = request.params
        const { holdHours, expiresAt, ...said } = request.body
        const pool = {
          ...said,
          poolId,
          expiresAt: Date.parse(expiresAt),
          holdMs: Math.round(holdHours * hourMs),
        }
        await saveCouponPool({ store, clock }, { workspace, actor, pool })
        return reply.send({ poolId })
      },
    )

    app.post(
      '/coupon-pools/:poolId/codes',
      {
        bodyLimit: importBytesMax,
        schema: {
          tags,
          summary: 'Import codes into a pool',
          description: `A column \`code\`. A code that the workspace has already, in whatever pool, is counted and stays as it is. At most ${importRowsMax} lines a request, as \`text/csv\`.`,
          security,
          consumes: ['text/csv'],
          params,
          body: z.string(),
          response: {
            200: z.object({
              imported: z.int(),
              duplicates: z.int(),
              refused: z.array(z.object({ line: z.int(), field: z.string(), detail: z.string() })),
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { poolId } = request.params
        const table = readCsv(request.body, importRowsMax)
        if ('code' in table) return sendFault(reply, table)
        const fault = headerFault(table.header, ['code'])
        if (fault !== null)
          return sendFault(reply, { code: 'invalid_request', detail: fault, field: 'header' })
        const { lines, refused } = codeLines(table)
        const codes = lines.map(({ value }) => value)
        const answer = await importCodes({ store, clock }, { workspace, actor, poolId, codes })
        return answer === null ? sendFault(reply, noPool(poolId)) : reply.send({ ...answer, refused })
      },
    )

    app.post(
      '/coupon-pools/:poolId/reservations',
      {
        schema: {
          tags,
          summary: 'Reserve a code for a page or an app',
          description:
            'The same key gets the same code while its reservation holds. What is not redeemed by then goes back to the pool.',
          security,
          params,
          body: z.object({ key: z.string().min(1).max(200), customer: customerSchema.exactOptional() }),
          response: { 200: z.object({ code: z.string(), expiresAt: z.iso.datetime() }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { poolId } = request.params
        const got = await reserveForCustomer({ store, clock }, { ...request.body, workspace, poolId })
        if (got.kind === 'none') {
          const detail = `pool ${poolId} has no code for this customer: ${got.reason}`
          return sendFault(reply, { code: 'conflict', detail })
        }
        const { code, expiresAt } = got.coupon
        return reply.send({ code, expiresAt: new Date(expiresAt).toISOString() })
      },
    )
  }
}

function codeRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.post(
      '/coupon-codes/redeem',
      {
        schema: {
          tags,
          summary: 'Redeem a code: once',
          description:
            'For a till that asks first. A shop that tells afterwards sends the event `Coupon Redeemed` with the property `code`.',
          security,
          body: z.object({
            code: z.string().trim().min(1).max(100),
            customer: customerSchema.exactOptional(),
          }),
          response: { 200: z.object({ poolId: idSchema }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { code } = request.body
        const result = await redeem({ store, clock }, { ...request.body, workspace })
        return result.kind === 'redeemed'
          ? reply.send({ poolId: result.poolId })
          : sendFault(reply, refusalOf(code, result.reason))
      },
    )
  }
}

const refusals = {
  not_given: 'was given to nobody',
  redeemed: 'was redeemed already',
  expired: 'is of a pool that has expired',
  limit: 'is one more than its pool allows this customer',
}

function refusalOf(code: string, reason: (Redeemed & { kind: 'refused' })['reason']): ApiFault {
  if (reason === 'unknown') return { code: 'not_found', detail: `there is no code ${code}` }
  return { code: 'conflict', detail: `code ${code} ${refusals[reason]}` }
}

function noPool(poolId: string): ApiFault {
  return { code: 'not_found', detail: `there is no pool ${poolId}` }
}
