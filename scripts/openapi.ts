import { writeFileSync } from 'node:fs'
import { openApiText } from '../src/api/openapi-text.ts'

/** `npm run openapi`: writes docs/openapi.json again; look at the difference before you commit it. */
writeFileSync(new URL('../docs/openapi.json', import.meta.url), await openApiText())
