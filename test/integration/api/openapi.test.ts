import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { openApiText } from '../../../src/api/openapi-text.ts'
import { version } from '../../../src/api/version.ts'

interface Document {
  openapi: string
  paths: Record<string, Record<string, { security?: object[]; tags?: string[]; summary?: string }>>
}

let text: string
let document: Document
beforeAll(async () => {
  text = await openApiText()
  document = JSON.parse(text)
})

test('docs/openapi.json is what the server serves; `npm run openapi` writes it again', () => {
  expect(text).toBe(readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'))
})

/** What customers' apps ask with a token of theirs, and what makes that token. */
const customerPaths = /^\/api\/v1\/(inbox|endpoints|customer-tokens|push)(\/|$)/

test('every path of ours asks for the admin key or a customer token, and says what it does', () => {
  expect(document.openapi).toBe('3.1.0')
  const own = Object.entries(document.paths).filter(([path]) => path.startsWith('/api/v1'))
  expect(own.length).toBeGreaterThan(20)
  for (const [path, methods] of own) {
    for (const [method, operation] of Object.entries(methods)) {
      const wanted = customerPaths.test(path) ? securityOfCustomers(path) : [{ adminKey: [] }]
      expect([method, path, operation.security]).toEqual([method, path, wanted])
      expect([method, path, operation.tags?.length, operation.summary !== undefined]).toEqual([
        method,
        path,
        1,
        true,
      ])
    }
  }
})

function securityOfCustomers(path: string): object[] | undefined {
  if (path.endsWith('/customer-tokens')) return [{ adminKey: [] }, { writeKey: [] }, { writeKeyHeader: [] }]
  // A public key is nobody's secret.
  return path.includes('/push/') ? undefined : [{ customerToken: [] }]
}

test('the version is the package’s', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  expect(version).toBe(manifest.version)
})
