import { z } from 'zod'

/** How a value is compared. `exists` takes true or false as its value. */
export const comparisonSchema = z.enum(['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'contains', 'exists'])
export type Comparison = z.infer<typeof comparisonSchema>

const scalar = z.union([z.string(), z.number(), z.boolean()])
const operand = z.union([scalar, z.array(scalar).max(1000)])

/** A trait of the customer; dots reach into objects: `address.country`. */
const traitLeaf = z.strictObject({ trait: z.string().min(1), op: comparisonSchema, value: operand })

/** A property of the triggering event; only in a trigger's `where`. */
const propertyLeaf = z.strictObject({ property: z.string().min(1), op: comparisonSchema, value: operand })

/**
 * What the customer did. `count` and `sum` (of the event's money value, in units) run over the last
 * `withinDays` UTC days, today included, or over all time; `daysSince` is the age of the last one and is
 * infinite when there is none. The event `*` is any event.
 */
const eventLeaf = z.strictObject({
  event: z.string().min(1),
  measure: z.enum(['count', 'sum', 'daysSince']).default('count'),
  op: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte']),
  value: z.number(),
  withinDays: z.number().int().min(1).max(400).exactOptional(),
})

/** A trait of an account: holds where one of the customer's accounts has it, and never for who has none. */
const accountLeaf = z.strictObject({ account: z.string().min(1), op: comparisonSchema, value: operand })

/** Member of another segment. */
const segmentLeaf = z.strictObject({ segment: z.string().min(1) })

/**
 * A calibrated probability of the customer, as of the last scoring: `conversion`, `churn`, `channel-email`. It
 * holds for nobody who has no such score.
 */
const scoreLeaf = z
  .strictObject({
    score: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
    atLeast: z.number().min(0).max(1).exactOptional(),
    below: z.number().min(0).max(1).exactOptional(),
  })
  .refine(({ atLeast, below }) => atLeast !== undefined || below !== undefined, {
    message: 'a score needs atLeast, below, or both',
  })

export type Condition =
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition }
  | z.infer<typeof traitLeaf>
  | z.infer<typeof propertyLeaf>
  | z.infer<typeof accountLeaf>
  | z.infer<typeof eventLeaf>
  | z.infer<typeof segmentLeaf>
  | z.infer<typeof scoreLeaf>

/** A tree of conditions, as JSON. An empty `all` is true, an empty `any` is false. */
export const conditionSchema: z.ZodType<Condition> = z.lazy(() =>
  z.union([
    z.strictObject({ all: z.array(conditionSchema).max(100) }),
    z.strictObject({ any: z.array(conditionSchema).max(100) }),
    z.strictObject({ not: conditionSchema }),
    traitLeaf,
    propertyLeaf,
    accountLeaf,
    eventLeaf,
    segmentLeaf,
    scoreLeaf,
  ]),
)
