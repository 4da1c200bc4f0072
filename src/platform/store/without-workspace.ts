/** A row as `bulkInsert` takes it. */
export function withoutWorkspace<T extends { workspace: string }>({
  workspace: _,
  ...row
}: T): Omit<T, 'workspace'> {
  return row
}
