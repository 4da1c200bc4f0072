/** What is wrong with a definition, and where: `campaigns[0].treatments[1].offer`. */
export interface DefinitionFault {
  field: string
  detail: string
}
