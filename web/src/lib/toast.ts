/** A short word at the foot of the screen: at the top it would cover the banners. */
import { ElMessage } from 'element-plus'
import 'element-plus/es/components/message/style/css'

/** Above the foot of the desk. */
const ABOVE_FOOT = 52

export function toast(type: 'info' | 'warning' | 'error', message: string, seconds: number): void {
  ElMessage({ type, message, duration: seconds * 1000, placement: 'bottom', offset: ABOVE_FOOT })
}
