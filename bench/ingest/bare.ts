import fastify from 'fastify'

/** The baseline: a Fastify route that parses the same JSON and does nothing. */
const app = fastify({ bodyLimit: 4 * 1024 * 1024 })
app.post('/v1/batch', async () => ({ success: true }))
await app.listen({ port: 0, host: '127.0.0.1' })
process.send!({ port: (app.server.address() as { port: number }).port })
process.on('disconnect', () => process.exit(0))
