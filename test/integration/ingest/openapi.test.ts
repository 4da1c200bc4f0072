import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildOpenApi } from '../../../src/api/openapi.ts'
import { rejectedEventRoutes } from '../../../src/api/routes/rejected-event-routes.ts'
import { type ApiWorld, createApiWorld } from './api-world.ts'

let world: ApiWorld
beforeEach(async () => {
  world = await createApiWorld({
    adminRoutes: () => [
      rejectedEventRoutes({ list: async () => [], replay: async () => ({ kind: 'replayed' }) }),
    ],
  })
})
afterEach(() => world.close())

test('the document is OpenAPI 3.1 of every public path, with its faults and keys', async () => {
  const document = (await buildOpenApi(world.app)) as { paths: object }
  expect(document).toMatchObject({
    openapi: '3.1.0',
    paths: {
      '/v1/batch': { post: { security: [{ writeKey: [] }, { writeKeyHeader: [] }] } },
      '/v1/track': { post: {} },
      '/healthz': { get: {} },
      '/api/v1/rejected-events': {
        get: {
          security: [{ adminKey: [] }],
          responses: {
            200: {},
            default: {
              content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
            },
          },
        },
      },
      '/api/v1/rejected-events/{id}/replay': { post: {} },
    },
    components: { schemas: { Problem: { properties: { code: {}, message: {} } }, RejectedEvent: {} } },
  })
  expect(Object.keys(document.paths)).not.toContain('/v1/t')
})

test('it is served as JSON and readable at /docs', async () => {
  const response = await fetch(`${world.url}/api/v1/openapi.json`)
  expect(await response.json()).toMatchObject({ info: { title: 'Starling' } })
  const docs = await fetch(`${world.url}/docs`)
  expect([docs.status, docs.headers.get('content-type')]).toMatchObject([
    200,
    expect.stringContaining('text/html'),
  ])
})
