import { z } from 'zod'
import type { ApiFault } from '#contracts/errors.ts'
import { itemHeaderFault } from '../../items/csv-item.ts'
import { suppressAddresses } from '../../pipeline/change-contact.ts'
import { saveItemPatches } from '../../pipeline/change-items.ts'
import { importCustomers } from '../../pipeline/import-customers.ts'
import { importDecisions } from '../../pipeline/import-decisions.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import {
  customerLines,
  decisionLines,
  headerFault,
  type ImportLines,
  itemLines,
  type RefusedLine,
  suppressionLines,
} from '../import-lines.ts'
import { sendFault } from '../problem.ts'
import { type CsvTable, readCsv } from '../read-csv.ts'
import { adminSecurity } from '../shapes.ts'

export const importRowsMax = 5000
export const importBytesMax = 16 * 1024 * 1024

const reportSchema = z
  .object({
    imported: z.int(),
    refused: z
      .array(
        z.object({
          line: z.int().describe('Of the body; the header is line 1.'),
          field: z.string(),
          detail: z.string(),
        }),
      )
      .describe('Lines left out, each with its reason; the others are in.'),
    alreadySending: z.array(z.string()).optional().describe('Suppressions: messages under way already.'),
  })
  .meta({ id: 'ImportReport' })
type ImportAnswer = z.output<typeof reportSchema>

interface ImportKind {
  columns: string[]
  /** Where it minds other columns too. */
  headerFault?: (header: string[]) => string | null
  summary: string
  description: string
  take(
    doors: Doors,
    who: { workspace: string; name: string },
    table: CsvTable,
  ): Promise<ImportAnswer | ApiFault>
}

const kinds: Record<'customers' | 'decisions' | 'items' | 'suppressions', ImportKind> = {
  customers: {
    columns: ['userId'],
    summary: 'Import customers',
    description:
      'Columns: `userId`, then traits (`email`, `phone`, …). `age:number` and `vip:boolean` say what they are, `address.city` goes into an object; an empty cell says nothing. Customers are taken through the log like events, and trigger nothing; the same line again changes nothing.',
    async take(doors, { workspace }, table) {
      const read = customerLines(table)
      const result = await importCustomers(doors, workspace, valuesOf(read))
      if (result.kind === 'refused') return result.fault
      return answerOf(read, result.report)
    },
  },
  decisions: {
    columns: ['userId', 'campaign', 'arm', 'propensity', 'decidedAt'],
    summary: 'Import recorded decisions of a fixed split',
    description:
      'Columns: `userId,campaign,arm,propensity,decidedAt` (an instant as ISO 8601 has it). They count in the campaign’s report; nothing is sent. The same line again changes nothing.',
    async take(doors, { workspace }, table) {
      const read = decisionLines(table)
      return answerOf(read, await importDecisions(doors.store, workspace, valuesOf(read), 0))
    },
  },
  items: {
    columns: ['id'],
    headerFault: itemHeaderFault,
    summary: 'Import items of the catalogue',
    description:
      'Columns: `id`, and any of `name,price,currency,stock,imageUrl,link,categories,validFrom,validUntil,rank`; categories are parted by `|`, attributes stand in `attributes.color`, `attributes.size:number`. Columns that are not there stay as they are, an empty cell takes a value away.',
    async take(doors, { workspace, name: actor }, table) {
      const read = itemLines(table)
      const { saved, refused } = await saveItemPatches(doors, { workspace, actor, patches: valuesOf(read) })
      const report = {
        imported: saved.length,
        refused: refused.map(({ at, field, detail }) => ({ line: at, field, detail })),
      }
      return answerOf(read, report)
    },
  },
  suppressions: {
    columns: ['channel', 'address'],
    summary: 'Import addresses not to be written to',
    description:
      'Columns: `channel,address`, and as an export has them `reason,detail,createdAt`. In force before it is answered; the answer lists the messages whose send had begun before.',
    async take(doors, { workspace, name }, table) {
      const read = suppressionLines(table)
      const facts = valuesOf(read)
      const { alreadySending } =
        facts.length === 0
          ? { alreadySending: [] }
          : await suppressAddresses(doors, { workspace, actor: name, facts })
      return { imported: facts.length, refused: read.refused, alreadySending }
    },
  },
}

export function importRoutes(doors: Doors): ApiRoutes {
  return (app) => {
    app.addContentTypeParser(
      'text/csv',
      { parseAs: 'string', bodyLimit: importBytesMax },
      (_request, body, done) => done(null, body),
    )
    for (const [name, kind] of Object.entries(kinds)) {
      app.post(
        `/imports/${name}`,
        {
          bodyLimit: importBytesMax,
          schema: {
            tags: ['customers'],
            summary: kind.summary,
            description: `${kind.description} At most ${importRowsMax} lines a request, as \`text/csv\`.`,
            security: adminSecurity,
            consumes: ['text/csv'],
            body: z.string(),
            response: { 200: reportSchema },
          },
        },
        async (request, reply) => {
          const table = readCsv(request.body, importRowsMax)
          if ('code' in table) return sendFault(reply, table)
          const fault = headerFault(table.header, kind.columns) ?? kind.headerFault?.(table.header) ?? null
          if (fault !== null)
            return sendFault(reply, { code: 'invalid_request', detail: fault, field: 'header' })
          const answer = await kind.take(doors, principalOf(request), table)
          return 'code' in answer ? sendFault(reply, answer) : reply.send(answer)
        },
      )
    }
  }
}

function valuesOf<T>({ lines }: ImportLines<T>): T[] {
  return lines.map(({ value }) => value)
}

/** `report` numbers the lines that were read by their place; here they get the file's numbers back. */
function answerOf<T>(
  { lines, refused }: ImportLines<T>,
  report: { imported: number; refused: RefusedLine[] },
): ImportAnswer {
  const later = report.refused.map((own) => ({ ...own, line: lines[own.line]?.line ?? own.line }))
  return { imported: report.imported, refused: [...refused, ...later].sort((a, b) => a.line - b.line) }
}
