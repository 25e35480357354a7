/** One numbered step of the tables' shape. Statements run in order and may run again after a crash: each must bear that. */
export interface Migration {
  readonly id: number;
  readonly name: string;
  readonly statements: readonly string[];
}
