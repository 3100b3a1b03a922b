/**
 * How the sites of the wall fit its column: nobody scrolls a wall, so nothing abnormal may lie below.
 *
 * From roomy to tight: every site by name; the abnormal by name and the others as cells; towns by
 * their worst site, without cells, and those with nothing abnormal as a line each, or one for all;
 * last, only the abnormal, worst first, as tiles that shrink to bare shapes.
 */

export interface Room {
  width: number
  height: number
}

export interface Count {
  sites: number
  /** Sites that are not normal, which have to be in sight. */
  abnormal: number
}

export type Layout =
  | { how: 'names' }
  | { how: 'cells'; cell: number }
  | { how: 'towns'; calm: 'lines' | 'line' }
  | { how: 'tiles' }
  | { how: 'shapes'; cell: number }

export const TILE_WIDTH = 104
const TILE = 36
const ROW_GAP = 5
const COLUMN_GAP = 6
/** A town's line and the space below the town. */
const HEADING = 36
/** A town with nothing abnormal, when it has only its line. */
const LINE = 26
const CELLS = [26, 22, 19, 16, 13, 10]
const CELL_GAP = 4
const SHAPES = [34, 28, 24, 20, 16, 13]

export const perRow = (width: number): number =>
  Math.max(2, Math.floor((width + COLUMN_GAP) / (TILE_WIDTH + COLUMN_GAP)))

const rows = (n: number, across: number): number => Math.ceil(n / across)
const across = (width: number, cell: number): number =>
  Math.max(1, Math.floor((width + CELL_GAP) / (cell + CELL_GAP)))

export function layout(towns: readonly Count[], room: Room): Layout {
  const columns = perRow(room.width)
  const tiles = (n: number): number => rows(n, columns) * (TILE + ROW_GAP)
  const sum = (height: (town: Count) => number): number =>
    towns.reduce((total, town) => total + height(town), 0)

  if (sum((town) => HEADING + tiles(town.sites)) <= room.height) return { how: 'names' }

  for (const cell of CELLS) {
    const cells = (n: number): number =>
      n === 0 ? 0 : ROW_GAP + rows(n, across(room.width, cell)) * (cell + CELL_GAP)
    const height = sum((town) => HEADING + tiles(town.abnormal) + cells(town.sites - town.abnormal))
    if (height <= room.height) return { how: 'cells', cell }
  }

  const line = HEADING // of all that is not abnormal
  const worst = sum((town) => (town.abnormal > 0 ? HEADING + tiles(town.abnormal) : 0))
  const lines = sum((town) => (town.abnormal > 0 ? 0 : LINE))
  if (worst + lines <= room.height) return { how: 'towns', calm: 'lines' }
  if (worst + line <= room.height) return { how: 'towns', calm: 'line' }

  const abnormal = sum((town) => town.abnormal)
  if (line + tiles(abnormal) <= room.height) return { how: 'tiles' }

  const fits = (cell: number): boolean =>
    line + rows(abnormal, across(room.width, cell)) * (cell + CELL_GAP) <= room.height
  return { how: 'shapes', cell: SHAPES.find(fits) ?? 10 }
}
