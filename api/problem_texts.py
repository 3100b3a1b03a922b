"""What a person reads when something is refused: title and detail in both languages, as data.

A detail says what, which, and what to do; `{blanks}` are filled by whoever raises the problem.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from api.languages import Language


class ProblemText(NamedTuple):
    status: int
    title_zh: str
    detail_zh: str
    title_en: str
    detail_en: str

    def in_language(self, language: Language) -> tuple[str, str]:
        if language == "zh-CN":
            return self.title_zh, self.detail_zh
        return self.title_en, self.detail_en


PROBLEMS: Final[dict[str, ProblemText]] = {
    "bad_request": ProblemText(
        400,
        "请求无法理解",
        "请求体无法解析：JSON 须为 UTF-8 编码，层次不可过深，数字不可过长；"
        "表单须为 application/x-www-form-urlencoded。",
        "The request cannot be understood",
        "The body cannot be read: JSON must be in UTF-8, not nested too deep and without numbers "
        "of thousands of digits; a form must be application/x-www-form-urlencoded.",
    ),
    "invalid_cursor": ProblemText(
        400,
        "分页游标无效",
        "cursor 不是本列表给出的；请从第一页重新开始。",
        "Invalid cursor",
        "This cursor was not made by this list; start again from the first page.",
    ),
    "not_signed_in": ProblemText(
        401,
        "未登录",
        "请先登录，或在 Authorization 头中提供有效的令牌。",
        "Not signed in",
        "Sign in first, or send a valid token in the Authorization header.",
    ),
    "wrong_password": ProblemText(
        401,
        "用户名或密码不正确",
        "请检查后重试；连续失败会暂时锁定。",
        "Wrong user name or password",
        "Check both and try again; repeated failures lock sign-in for a while.",
    ),
    "wrong_gateway_password": ProblemText(
        401,
        "网关凭据不正确",
        "网关 {gateway} 须使用自己的 MQTT 用户名和密码（Basic），或绑定到它的令牌。",
        "Wrong gateway credentials",
        "Gateway {gateway} must send its own MQTT user name and password (Basic), "
        "or a token bound to it.",
    ),
    "locked_out": ProblemText(
        429,
        "登录失败次数过多",
        "请在 {seconds} 秒后重试。",
        "Too many failed sign-ins",
        "Try again in {seconds} seconds.",
    ),
    "sign_in_busy": ProblemText(
        429,
        "正在登录的人过多",
        "请在几秒后重试。",
        "Too many are signing in",
        "Try again in a few seconds.",
    ),
    "too_many_streams": ProblemText(
        429,
        "实时连接过多",
        "此用户已有 {count} 个实时连接；请关闭不用的页面。",
        "Too many live connections",
        "This user already has {count} live connections; close the pages not in use.",
    ),
    "csrf": ProblemText(
        403,
        "请求缺少页面令牌",
        "用浏览器会话修改数据时，须在 X-CSRF-Token 头中带上登录时得到的 csrf。",
        "The page token is missing",
        "Changes made with a browser session need the csrf value from sign-in in the "
        "X-CSRF-Token header.",
    ),
    "not_allowed": ProblemText(
        403,
        "没有权限",
        "您的角色不能进行此操作；请联系管理员。",
        "Not allowed",
        "Your role does not permit this; ask an administrator.",
    ),
    "not_found": ProblemText(
        404,
        "未找到",
        "没有这个对象，或它不在您的管辖范围内。",
        "Not found",
        "There is no such thing, or it lies outside your scope.",
    ),
    "method_not_allowed": ProblemText(
        405,
        "不支持此方法",
        "此地址不支持该 HTTP 方法；请查阅 /api/docs。",
        "Method not allowed",
        "This address does not take that HTTP method; see /api/docs.",
    ),
    "conflict": ProblemText(409, "与现有数据冲突", "{reason}", "Conflict", "{reason}"),
    "act_changed": ProblemText(
        409,
        "报警已变化",
        "您看到之后报警已变化；alarm 为当前状态，请据此决定。",
        "Changed since you saw it",
        "The alarm has changed since you saw it; `alarm` shows how it stands now.",
    ),
    "act_already": ProblemText(
        409,
        "该报警已处于此状态",
        "其他人或系统已先行处理；alarm 为当前状态。",
        "Already so",
        "Somebody else, or the system, was first; `alarm` shows how it stands.",
    ),
    "act_not_allowed": ProblemText(
        409,
        "当前状态不允许此操作",
        "报警当前状态为 {state}；alarm 为当前状态。",
        "Not possible in this state",
        "The alarm is {state} now; `alarm` shows how it stands.",
    ),
    "act_closed": ProblemText(
        409,
        "报警已结束",
        "该报警已恢复正常并关闭；alarm 为其最后状态。",
        "The alarm is over",
        "This alarm has returned to normal and is closed; `alarm` shows its last state.",
    ),
    "shelf_too_long": ProblemText(
        422,
        "搁置时间过长",
        "搁置不得超过 {hours} 小时。",
        "Shelved for too long",
        "An alarm may be shelved for at most {hours} hours.",
    ),
    "shelf_in_past": ProblemText(
        422,
        "搁置截止时间已过",
        "搁置的截止时间须在将来。",
        "The shelf would already be over",
        "An alarm must be shelved until a time in the future.",
    ),
    "too_large": ProblemText(
        413,
        "请求过大",
        "请求体超过 {reason} KiB。",
        "Too large",
        "The body is larger than {reason} KiB.",
    ),
    "unsupported_media_type": ProblemText(
        415,
        "内容类型不受支持",
        "请发送 application/json。",
        "Unsupported media type",
        "Send application/json.",
    ),
    "invalid": ProblemText(
        422,
        "内容有误",
        "请修改 errors 中列出的字段。",
        "Some fields cannot be used",
        "Mend the fields listed under errors.",
    ),
    "malformed_message": ProblemText(
        422,
        "报文无法解析",
        "报文中没有任何可用的数据：{reason}",
        "The message cannot be read",
        "Nothing of this message could be used: {reason}",
    ),
    "database_away": ProblemText(
        503,
        "数据库暂不可用",
        "此项内容需要数据库。实时数据、未结束报警及其处置不受影响；恢复后会自动补齐。",
        "The database is not available",
        "This needs the database. Live values, open alarms and acts on them are not affected; "
        "history is filled in when it is back.",
    ),
    "database_failed": ProblemText(
        503,
        "数据库未能完成",
        "数据库有响应，但这次未能完成（{reason}）。请稍后重试；如一直如此，请管理员运行 vedette doctor。",
        "The database could not do it",
        "The database answers but could not do this now ({reason}). Try again shortly; if it stays "
        "so, an administrator should run `vedette doctor`.",
    ),
    "database_refuses": ProblemText(
        503,
        "数据库拒绝此操作",
        "数据库有响应，但拒绝执行（{reason}）。请管理员运行 vedette migrate，"
        "并检查服务所用数据库角色的权限。实时数据、未结束报警及其处置不受影响。",
        "The database refuses",
        "The database answers but refuses this ({reason}). An administrator should run "
        "`vedette migrate` and check the rights of the service's database role. Live values, open "
        "alarms and acts on them are not affected.",
    ),
    "journal_unavailable": ProblemText(
        503,
        "暂时无法保存",
        "日志暂不可写（{reason}），本次操作没有生效；请稍后重试。",
        "It could not be kept",
        "The journal cannot be written ({reason}); nothing was done. Try again shortly.",
    ),
    "kept_not_in_force": ProblemText(
        503,
        "已保存，尚未生效",
        "修改已保存，但暂时无法生效（{reason}）；恢复后自动生效，此前仍按原设置判断。无需重复提交。",
        "Kept, but not in force yet",
        "The change is kept but cannot take effect now ({reason}). It does so by itself as soon as "
        "it can; until then the old one holds. There is no need to repeat it.",
    ),
    "stopping": ProblemText(
        503,
        "服务正在停止",
        "请稍后重试。",
        "The service is stopping",
        "Try again shortly.",
    ),
    "fault": ProblemText(
        500,
        "服务内部错误",
        "已记录，编号 {incident}；请告知管理员。",
        "Something went wrong here",
        "It was logged as {incident}; tell the administrator.",
    ),
}

UNKNOWN_REFERENCE: Final[dict[Language, str]] = {
    "zh-CN": "没有 {id!r}，或它不在可选范围内",
    "en": "there is no {id!r}, or it cannot be chosen here",
}
"""What is wrong with a field that points at something which does not exist."""

NOT_SENT_AS_JSON: Final[dict[Language, str]] = {
    "zh-CN": "须为 JSON 对象，并以 Content-Type: application/json 发送",
    "en": "must be a JSON object, sent with Content-Type: application/json",
}
"""What is wrong with a body that was sent as something else."""

UNKNOWN_PARAMETER: Final[dict[Language, str]] = {
    "zh-CN": "没有此查询参数；可用的有：{known}",
    "en": "there is no such query parameter; there are {known}",
}
"""What is wrong with a filter that a list does not have: it would pass for applied."""

REASONS: Final[dict[str, str]] = {
    "missing": "必填",
    "extra_forbidden": "没有此字段",
    "string_type": "须为文本",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不符",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "float_type": "须为数字",
    "float_parsing": "须为数字",
    "finite_number": "须为有限数字",
    "bool_type": "须为 true 或 false",
    "bool_parsing": "须为 true 或 false",
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "须小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "literal_error": "只能是 {expected}",
    "datetime_from_date_parsing": "须为 RFC 3339 时间",
    "datetime_parsing": "须为 RFC 3339 时间",
    "timezone_aware": "时间须带时区",
    "json_invalid": "不是有效的 JSON",
    "model_attributes_type": "须为 JSON 对象",
    "dict_type": "须为 JSON 对象",
    "value_error": "{error}",
}
"""Pydantic's error types in Chinese; where one is missing its English text stands."""
