import type { Store } from '#platform/store/store.ts'
import {
  compareCategories,
  mendCategories,
  strayCategories,
  type WrongCategories,
} from '../../items/recount-categories.ts'
import { type CheckResult, type Difference, difference } from './difference.ts'

const itemsPerPage = 500
const straysMax = 1000

/** Items are found by the categories that they have. A repair writes those. */
export async function checkItems(
  store: Store,
  workspace: string,
  { repair }: { repair: boolean },
): Promise<CheckResult> {
  let checked = 0
  const differences: Difference[] = []
  const note = async (wrong: WrongCategories[]): Promise<void> => {
    if (wrong.length === 0) return
    if (repair) {
      await store.transaction(async (tx) => {
        const db = tx.workspace(workspace)
        await db.lock('items')
        await mendCategories(db, wrong)
      })
    }
    for (const own of wrong) differences.push({ ...differenceOf(own), repaired: repair })
  }
  for (
    let after: { itemId: string; edition: string } | null = { itemId: '', edition: '' };
    after !== null;
  ) {
    const from: { itemId: string; edition: string } = after
    const page = await store.snapshot((scope) =>
      compareCategories(scope.workspace(workspace), from, itemsPerPage),
    )
    checked += page.items
    await note(page.wrong)
    after = page.after
  }
  await note(await store.snapshot((scope) => strayCategories(scope.workspace(workspace), straysMax)))
  return { checked, differences }
}

function differenceOf({ itemId, edition, kept, counted }: WrongCategories): Difference {
  const of = edition === '' ? itemId : `${itemId} of ${edition}`
  const ought = counted === null ? 'there is no such item' : `has ${counted.join(', ') || 'none'}`
  return difference('items', of, `is found by ${kept.join(', ') || 'none'}; ${ought}`)
}
