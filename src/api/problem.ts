import type { FastifyError, FastifyReply } from 'fastify'
import { z } from 'zod'
import { type ApiErrorCode, type ApiFault, apiErrors } from '#contracts/errors.ts'
import { isStoreFault } from '#platform/store/store-faults.ts'

/** RFC 9457, with `code` and `message` beside its members: some event clients retry whatever lacks them. */
export const problemSchema = z
  .object({
    type: z.string().describe('The heading of this fault in docs/errors.md.'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(apiErrors) as [ApiErrorCode, ...ApiErrorCode[]]),
    message: z.string().describe('The same as detail.'),
    field: z.string().optional().describe('The field at fault, where there is one.'),
    faults: z
      .array(z.object({ field: z.string(), detail: z.string() }))
      .optional()
      .describe('Every fault of a definition, where there are several.'),
  })
  .meta({ id: 'Problem', description: 'What went wrong, as RFC 9457 has it.' })

export type Problem = z.output<typeof problemSchema>

/** A fault of a definition, with every place that is wrong. */
export type ListedFault = ApiFault & { faults?: { field: string; detail: string }[] }

export function problemOf({ code, detail, field, faults }: ListedFault): Problem {
  const { status, title } = apiErrors[code]
  return {
    type: `docs/errors.md#${code}`,
    title,
    status,
    detail,
    code,
    message: detail,
    ...(field === undefined ? {} : { field }),
    ...(faults === undefined ? {} : { faults }),
  }
}

/** Answers with a fault; returns the reply as it came, for routes whose answers are typed by a schema. */
export function sendFault<Reply extends object>(typedReply: Reply, fault: ListedFault): Reply {
  const reply = typedReply as unknown as FastifyReply
  // Clients read Retry-After as whole seconds.
  if (fault.retryAfterSeconds !== undefined) reply.header('retry-after', Math.ceil(fault.retryAfterSeconds))
  if (fault.code === 'invalid_key') reply.header('www-authenticate', 'Basic realm="starling", Bearer')
  reply
    .code(apiErrors[fault.code].status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify(problemOf(fault)))
  return typedReply
}

/** What fastify or the store throws, in our words; null for a fault of the program. */
export function faultOfError(error: FastifyError): ApiFault | null {
  // A full disk, a database that is away: the same request may succeed later.
  if (isStoreFault(error))
    return { code: 'unavailable', detail: `the store cannot do it now: ${error.message}` }
  if (error.validation !== undefined) {
    const first = error.validation[0]
    const field = first?.instancePath.replace(/^\//, '').replaceAll('/', '.')
    return {
      code: 'invalid_request',
      detail: error.message,
      ...(field === undefined || field === '' ? {} : { field }),
    }
  }
  const code = faultCodes[error.code]
  if (code !== undefined) return { code, detail: error.message }
  const { statusCode } = error
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return null
  return { code: statusCode === 404 ? 'not_found' : 'invalid_request', detail: error.message }
}

const faultCodes: Record<string, ApiErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_encoding',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_NOT_FOUND: 'not_found',
  FST_ERR_BAD_URL: 'invalid_request',
}
