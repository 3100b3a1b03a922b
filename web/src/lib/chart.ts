/** One trend on a canvas: line, band, limits, alarm marks, hatched gaps and doubtful spans. */
import uPlot from 'uplot'
import type { Level } from '@/api/types'
import type { Span, TrendColumns } from './trend'

/** What a chart shows now; it is asked for at each drawing, so new readings need no new chart. */
export interface ChartView {
  columns: TrendColumns
  /** Seconds since the epoch. */
  from: number
  to: number
  marks: { at: number; word: string }[]
}

export interface ChartLook {
  limits: { level: Level; setpoint: number; word: string }[]
  stepped: boolean
  /** Names of a state sensor's values; they take the place of numbers on the axis. */
  states: Map<number, string>
  unit: string
  /** Full scale, so that noise near zero does not look like an event. */
  range: { low: number | null; high: number | null }
  height: number
  onZoom: (from: number, to: number) => void
}

const LIMIT_COLOUR: Record<Level, string> = {
  HH: '--orange-line',
  LL: '--orange-line',
  H: '--yellow-line',
  L: '--yellow-line',
}
const FONT = '12px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function hatch(colour: string): CanvasPattern | string {
  const tile = document.createElement('canvas')
  tile.width = 8
  tile.height = 8
  const pen = tile.getContext('2d')
  if (!pen) return colour
  pen.strokeStyle = colour
  pen.lineWidth = 1.2
  pen.beginPath()
  for (const offset of [-8, 0, 8]) {
    pen.moveTo(offset, 8)
    pen.lineTo(offset + 8, 0)
  }
  pen.stroke()
  return pen.createPattern(tile, 'repeat') ?? colour
}

function fillSpans(plot: uPlot, spans: Span[], style: CanvasPattern | string, alpha: number): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.globalAlpha = alpha
  ctx.fillStyle = style
  for (const [from, to] of spans) {
    const left = Math.max(bbox.left, plot.valToPos(from, 'x', true))
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, 'x', true))
    if (right > left) ctx.fillRect(left, bbox.top, Math.max(right - left, 1), bbox.height)
  }
  ctx.restore()
}

function drawLimits(plot: uPlot, look: ChartLook): void {
  const { ctx, bbox } = plot
  const ratio = devicePixelRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.font = FONT.replace('12px', `${11.5 * ratio}px`)
  ctx.textAlign = 'left'
  for (const { level, setpoint, word } of look.limits) {
    const y = plot.valToPos(setpoint, 'y', true)
    ctx.strokeStyle = token(LIMIT_COLOUR[level])
    ctx.lineWidth = (level === 'HH' || level === 'LL' ? 1.8 : 1.3) * ratio
    ctx.setLineDash(level === 'HH' || level === 'LL' ? [7 * ratio, 3 * ratio] : [3 * ratio, 3 * ratio])
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    ctx.fillStyle = token('--ink-2')
    // Outside the limit, unless the edge of the chart is too near.
    const below =
      level === 'L' || level === 'LL' ? y + 18 * ratio < bbox.top + bbox.height : y - 18 * ratio < bbox.top
    ctx.textBaseline = below ? 'top' : 'bottom'
    ctx.fillText(word, bbox.left + 6 * ratio, y + (below ? 3 : -3) * ratio)
  }
  ctx.restore()
}

function drawMarks(plot: uPlot, marks: ChartView['marks']): void {
  const { ctx, bbox } = plot
  const ratio = devicePixelRatio
  ctx.save()
  ctx.font = FONT.replace('12px', `${11.5 * ratio}px`)
  ctx.strokeStyle = token('--ink-2')
  ctx.lineWidth = ratio
  ctx.textBaseline = 'bottom'
  for (const { at, word } of marks) {
    const x = plot.valToPos(at, 'x', true)
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    const right = x > bbox.left + bbox.width * 0.7
    ctx.textAlign = right ? 'right' : 'left'
    const left = x + (right ? -4 : 4) * ratio
    const width = ctx.measureText(word).width + 4 * ratio
    const foot = bbox.top + bbox.height - 3 * ratio
    // On a ground of its own: the line of values often runs just here.
    ctx.fillStyle = token('--panel')
    ctx.globalAlpha = 0.85
    ctx.fillRect(right ? left - width + 2 * ratio : left - 2 * ratio, foot - 14 * ratio, width, 15 * ratio)
    ctx.globalAlpha = 1
    ctx.fillStyle = token('--ink-2')
    ctx.fillText(word, left, foot)
  }
  ctx.restore()
}

/** Value axis: data and limits in sight, with some air; full scale only if data reach it. */
function valueRange(look: ChartLook): uPlot.Range.Function {
  return (_plot, low, high) => {
    const setpoints = look.limits.map((limit) => limit.setpoint)
    const all = [low, high, ...setpoints, ...look.states.keys()].filter((v) => Number.isFinite(v))
    let from = Math.min(...all)
    let to = Math.max(...all)
    if (all.length === 0) {
      from = look.range.low ?? 0
      to = look.range.high ?? 1
    }
    if (from >= 0 && (look.range.low ?? 0) === 0 && from < 0.6 * to) from = 0
    const air = (to - from || Math.abs(to) || 1) * 0.08
    return [from === 0 ? 0 : from - air, to + air]
  }
}

const two = (n: number): string => String(n).padStart(2, '0')

/** Axis words without month names, so that both languages read alike. */
function timeWords(_plot: uPlot, splits: number[], _axis: number, _space: number, step: number): string[] {
  let day = ''
  return splits.map((ts) => {
    const d = new Date(ts * 1000)
    const date = `${two(d.getMonth() + 1)}-${two(d.getDate())}`
    if (step >= 86_400 * 28) return `${d.getFullYear()}-${two(d.getMonth() + 1)}`
    if (step >= 86_400) return date
    const time = `${two(d.getHours())}:${two(d.getMinutes())}${step < 60 ? `:${two(d.getSeconds())}` : ''}`
    const first = date !== day
    day = date
    return first && splits.length > 0 && spansDays(splits) ? `${time}\n${date}` : time
  })
}

const spansDays = (splits: number[]): boolean =>
  new Date((splits[0] ?? 0) * 1000).getDate() !== new Date((splits[splits.length - 1] ?? 0) * 1000).getDate()

/** Value axis: wide enough for its longest word; state names instead of numbers. */
function valueAxis(look: ChartLook): Partial<uPlot.Axis> {
  if (look.states.size > 0) {
    return {
      splits: () => [...look.states.keys()],
      values: (_plot, splits) => splits.map((v) => look.states.get(v) ?? ''),
      size: axisWidth,
    }
  }
  return { values: (_plot, splits) => splits.map((v) => String(Number(v.toPrecision(6)))), size: axisWidth }
}

const pen = document.createElement('canvas').getContext('2d')

function axisWidth(_plot: uPlot, words: string[] | null): number {
  if (!pen || !words) return 56
  pen.font = FONT
  return Math.max(56, ...words.map((word) => Math.ceil(pen.measureText(word).width) + 22))
}

/** The columns as uPlot takes them. */
export function chartData(columns: TrendColumns): uPlot.AlignedData {
  const data: (number | null)[][] = [columns.ts, columns.value]
  if (columns.min && columns.max) data.push(columns.max, columns.min)
  return data as uPlot.AlignedData
}

export function makeChart(box: HTMLElement, view: () => ChartView, look: ChartLook): uPlot {
  const ink = token('--ink')
  const grid = { stroke: token('--line'), width: 1 }
  const axis = { stroke: token('--ink-2'), font: FONT, grid, ticks: grid }
  const { columns } = view()
  const band = columns.min && columns.max
  const path = look.stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined
  const points = {
    show: () => view().columns.points > 0 && view().columns.points < 40,
    size: 4,
  }
  const series: uPlot.Series[] = [{}, { stroke: ink, width: 1.6, paths: path, points }]
  if (band) {
    series.push(
      { stroke: 'transparent', points: { show: false } },
      { stroke: 'transparent', points: { show: false } },
    )
  }
  return new uPlot(
    {
      width: box.clientWidth || 400,
      height: look.height,
      padding: [8, 28, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false, uni: 20 }, points: { size: 7 } },
      scales: {
        x: { time: true, range: () => [view().from, view().to] },
        y: { range: valueRange(look) },
      },
      axes: [
        { ...axis, values: timeWords, space: 70 },
        { ...axis, ...valueAxis(look) },
      ],
      series,
      bands: band ? [{ series: [2, 3], fill: `${token('--ink-3')}44` }] : [],
      hooks: {
        drawClear: [
          (plot) => {
            fillSpans(plot, view().columns.gaps, hatch(token('--dark')), 0.45)
            fillSpans(plot, view().columns.doubtful, token('--dark'), 0.18)
          },
        ],
        draw: [(plot) => drawLimits(plot, look), (plot) => drawMarks(plot, view().marks)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 8) return
            look.onZoom(
              plot.posToVal(plot.select.left, 'x'),
              plot.posToVal(plot.select.left + plot.select.width, 'x'),
            )
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          },
        ],
      },
    },
    chartData(columns),
    box,
  )
}
