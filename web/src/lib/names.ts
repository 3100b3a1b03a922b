/** References come as {id, name} or as a bare id; people read names. */
import type { Named } from '@/api/types'

export type Ref = string | Named | null | undefined

export const idOf = (ref: Ref): string => (ref ? (typeof ref === 'string' ? ref : ref.id) : '')
export const nameOf = (ref: Ref): string => (ref ? (typeof ref === 'string' ? ref : ref.name || ref.id) : '')
