/**
 * The one table of API faults: code → status and title. Sent as RFC 9457 `application/problem+json` with
 * `type` (the heading in docs/errors.md), `title`, `status`, `detail`, `code`, `message` and, where one
 * field is at fault, `field`.
 */
export const apiErrors = {
  invalid_key: { status: 401, title: 'The key is missing, unknown or of the wrong kind' },
  invalid_token: { status: 401, title: 'The customer token is missing, damaged or not ours' },
  token_expired: { status: 401, title: 'The customer token is no longer good' },
  invalid_json: { status: 400, title: 'The body is not JSON we accept' },
  invalid_request: { status: 400, title: 'The request does not fit its schema' },
  unsupported_encoding: { status: 415, title: 'The content encoding is not supported' },
  body_too_large: { status: 413, title: 'The body is larger than we take' },
  not_found: { status: 404, title: 'There is nothing here by that id' },
  method_not_allowed: { status: 405, title: 'This path does not take that method' },
  conflict: { status: 409, title: 'The state of the thing does not allow it' },
  idempotency_key_reused: { status: 409, title: 'The key stands for another message already' },
  campaign_not_approved: { status: 409, title: 'The campaign must be approved before it goes live' },
  experiment_not_decided: {
    status: 409,
    title: 'The experiment has not decided for this arm; a person may, with a note',
  },
  invalid_definition: {
    status: 422,
    title: 'The definition contradicts itself or names what does not exist',
  },
  gate_refused: { status: 409, title: 'The promotion gate does not let this go live' },
  invalid_signature: { status: 401, title: 'The signature does not fit, or is too old' },
  invalid_link: { status: 400, title: 'The link is damaged or not ours' },
  too_many_streams: { status: 429, title: 'More streams are open than are served at once' },
  overloaded: { status: 429, title: 'The log cannot take more now; try again after the given time' },
  unavailable: { status: 503, title: 'The server is starting, stopping or cannot write' },
  internal: { status: 500, title: 'Something went wrong on our side' },
} as const satisfies Record<string, { status: number; title: string }>

export type ApiErrorCode = keyof typeof apiErrors

/** A fault on its way to the door that sends it. */
export interface ApiFault {
  code: ApiErrorCode
  detail: string
  field?: string
  retryAfterSeconds?: number
}

/** Reasons why one event of a batch is refused; each is documented in docs/errors.md. */
export const eventErrors = {
  not_an_object: 'An event must be a JSON object',
  unknown_type: 'The type must be track, identify, page, screen, group or alias',
  missing_field: 'A required field is missing',
  wrong_type: 'A field has the wrong type',
  too_long: 'A string is longer than we take',
  too_deep: 'Objects are nested deeper than we take',
  too_many_keys: 'The event has more keys than we take',
  too_large: 'The event is larger than we take',
  forbidden_key: 'A key names an object prototype',
  bad_timestamp: 'A timestamp cannot be read',
  future_timestamp: 'The event lies in the future',
} as const
export type EventErrorCode = keyof typeof eventErrors
