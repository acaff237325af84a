"""Words for states, steps and evidence, marked for translation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bank.errors import say

STATES: Mapping[str, str] = {
    "submitted": say("待审核"),
    "second_review": say("待复核"),
    "in_notice": say("公示中"),
    "objected": say("有异议，暂停"),
    "posted": say("已入账"),
    "refused": say("未通过"),
    "reversed": say("已冲正"),
    "void": say("已作废"),
}
STEPS: Mapping[str, str] = {
    "proposed": say("已提交"),
    "approved": say("审核通过"),
    "second_approved": say("复核通过"),
    "refused": say("已退回"),
    "undone": say("已撤销"),
    "objected": say("有居民提出异议"),
    "upheld": say("异议成立"),
    "dismissed": say("异议不成立"),
    "withdrawn": say("异议撤回"),
    "answered": say("异议已答复，交评议小组"),
    "escalated": say("到期没有结论，交复核员"),
    "posted": say("已入账"),
    "reversed": say("已冲正"),
    "voided": say("已作废"),
    "reopened": say("已重新打开"),
    "signalled": say("发现疑点，退回复核"),
    "witnessed": say("有人作证"),
    "granted": say("评议小组同意"),
    "passed_on": say("评议到期没有结论，交工作人员"),
    "appealed": say("本人请求重新审核"),
    "kept": say("核实后维持不通过"),
}
TOLD: Mapping[str, str] = {
    **STEPS,
    "declared": say("公布活动时已声明：不是上班、不是换捐款、不是内部会议"),
    "drawn": say("每月抽查抽到了这一条"),
    "checked_right": say("抽查核实：无误"),
    "checked_not_right": say("抽查核实：与事实不符"),
    "checked_not_reached": say("抽查：没有联系上"),
}
"""The steps of a credit, and what is told between them though it is kept elsewhere."""
ROLES: Mapping[str, str] = {
    "coordinator": say("协调员"),
    "second_approver": say("复核员"),
    "panel": say("评议员"),
    "leader": say("公布活动的人"),
    "checker": say("不相干的核查人"),
}
OBJECTIONS: Mapping[str, str] = {
    "open": say("待答复"),
    "upheld": say("异议成立"),
    "dismissed": say("异议不成立"),
    "withdrawn": say("异议撤回"),
}
STAGES: Mapping[str, str] = {
    "answer": say("等工作人员答复"),
    "panel": say("评议小组投票中"),
    "last": say("等复核员了结"),
}
KINDS: Mapping[str, str] = {
    "objection": say("居民异议"),
    "correction": say("本人请求更正"),
    "appeal": say("本人请求重新审核"),
}
"""An appeal is a correction of a refusal."""
APPEALS: Mapping[str, str] = {
    "open": say("待答复"),
    "upheld": say("已重新审核"),
    "dismissed": say("维持不通过"),
    "withdrawn": say("请求撤回"),
}
CLASSES: Mapping[str, str] = {
    "A": say("信用时长（签到签退都有记录）"),
    "B": say("见证时长（有见证人）"),
    "C": say("荣誉时长（事后补记，不能兑换）"),
}
DEED_CLASSES: Mapping[str, str] = {
    "B": say("有邻居推荐、证人或照片"),
    "C": say("本人申报"),
}
VIAS: Mapping[str, str] = {
    "screen": say("扫活动码"),
    "digits": say("输入六位数字"),
    "card": say("工作人员扫卡"),
    "manual": say("工作人员登记"),
    "paper": say("纸质签到表"),
    "door_card": say("刷居民家的卡"),
    "card_number": say("输入居民家的卡号"),
    "spoken": say("居民报的六位数字"),
    "resident": say("居民自己的手机"),
}
_EVIDENCE: Mapping[str, str] = {
    "place": say("地点"),
    "starts_at": say("计划开始"),
    "ends_at": say("计划结束"),
    "checked_in_at": say("签到"),
    "via_in": say("签到方式"),
    "checked_out_at": say("签退"),
    "via_out": say("签退方式"),
    "planned_minutes": say("计划时长"),
    "scanned_minutes": say("签到到签退"),
    "missed_minutes": say("没有做成，按规则记"),
    "rounding_minutes": say("计时取整到"),
    "sheet_id": say("纸质签到表编号"),
    "keyed_by": say("录入"),
    "confirmed_by": say("核对"),
    "story": say("经过"),
    "witnesses": say("证人（人数）"),
}
EXACT = 1
"""Minutes counted to the minute: no rounding to tell of."""


def last_moment(notice_until: datetime) -> datetime:
    """Give the last second of a notice, whose end lies at midnight: people read the day before."""
    return notice_until - timedelta(seconds=1)


def evidence_of(evidence: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Give the lines of evidence worth reading: (marked name, how to show it, value).

    Shown as `moment`, `minutes`, `say` (a marked sentence) or `text`.
    """
    told = [key for key in _EVIDENCE if evidence.get(key) is not None]
    if evidence.get("rounding_minutes") == EXACT:
        told.remove("rounding_minutes")
    return [(_EVIDENCE[key], *_shown(key, evidence[key])) for key in told]


def _shown(key: str, value: Any) -> tuple[str, Any]:
    if key.endswith("_at"):
        try:
            return "moment", datetime.fromisoformat(str(value))
        except ValueError:
            return "text", str(value)
    if key.endswith("_minutes"):
        return "minutes", value
    if key == "place":
        return "say", str(value)
    if key.startswith("via_"):
        return "say", VIAS.get(str(value), str(value))
    return "text", str(value)
