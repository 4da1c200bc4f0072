import { Argument, Command } from 'commander'
import { act, type CliContext, serverOf } from '../context.ts'
import { importCsv } from '../import-csv.ts'

export function importCommand(context: CliContext): Command {
  return new Command('import')
    .description('bring in customers, items, recorded decisions or suppressions from CSV')
    .addArgument(new Argument('<what>').choices(['customers', 'items', 'decisions', 'suppressions']))
    .argument('<file>', 'CSV with a header')
    .addHelpText(
      'after',
      `
Columns:
  customers     userId, then traits: email, phone, plan, age:number, vip:boolean, address.city, …
  items         id,name,price,currency,stock,imageUrl,link,categories (a|b),validFrom,validUntil,rank,
                attributes.NAME; columns that are not there stay as they are
  decisions     userId,campaign,arm,propensity,decidedAt (ISO 8601)
  suppressions  channel,address, and as exported: reason,detail,createdAt
The same line again changes nothing.

Example:
  starling import customers customers.csv`,
    )
    .action(
      act(context, async (what: string, file: string, _options: object, command: Command) => {
        const server = serverOf(context, command)
        return 'kind' in server
          ? server
          : importCsv(context, server, { what, path: `/imports/${what}`, file })
      }),
    )
}
