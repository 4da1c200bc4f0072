import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { ApiApp } from './api-app.ts'

/** Groups of paths in the documentation, in order. A route names its own in `schema.tags`. */
const apiTags = [
  { name: 'events', description: 'What product apps send. The paths are those of the clients.' },
  { name: 'campaigns', description: 'Campaigns and their versions, lifecycle and reports.' },
  { name: 'customers', description: 'Profiles, consent and suppressions.' },
  { name: 'decisions', description: 'Decisions and the messages they made, explained.' },
  { name: 'messages', description: 'Transactional messages: receipts, codes, alerts.' },
  { name: 'policy', description: 'Versions of the policy: evaluated, proposed, promoted, rolled back.' },
  { name: 'links', description: 'Where the links of messages lead.' },
  { name: 'operations', description: 'Events that were refused, health and settings.' },
]

/** Collects the routes' schemas; call it before any route is added. Serves /docs and its JSON. */
export async function registerOpenApi(
  app: ApiApp,
  options: { publicUrl: string; version: string },
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Starling',
        version: options.version,
        description: 'For every customer and every moment, the best next thing to do.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: options.publicUrl }],
      tags: apiTags,
      components: {
        securitySchemes: {
          writeKey: {
            type: 'http',
            scheme: 'basic',
            description: 'The write key as user name, no password.',
          },
          writeKeyHeader: { type: 'apiKey', in: 'header', name: 'X-Write-Key' },
          customerToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'A customer token of `POST /api/v1/customer-tokens`.',
          },
          adminKey: { type: 'http', scheme: 'bearer', description: 'An admin key.' },
        },
      },
    },
    transform: (route) => {
      const transformed = jsonSchemaTransform(route)
      if (transformed.schema.hide === true) return transformed
      const response = transformed.schema.response as Record<string, unknown> | undefined
      return {
        ...transformed,
        schema: { ...transformed.schema, response: { ...response, default: faultResponse } },
      }
    },
    transformObject: jsonSchemaTransformObject,
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { docExpansion: 'list', deepLinking: true },
  })
  app.get('/api/v1/openapi.json', { schema: { hide: true } as object }, () => app.swagger())
}

const faultResponse = {
  description: 'A fault, named by its code.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}

/** The whole document, for the golden file. */
export async function buildOpenApi(app: ApiApp): Promise<object> {
  await app.ready()
  return app.swagger()
}
