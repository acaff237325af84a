"""Made-up people: names, phones and doors drawn from a seeded source; nobody real, no identity numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

LOGINS = ("volunteer", "resident", "coordinator", "second", "shop", "panel", "auditor", "admin", "barber")
"""The demo's logins; every one of them has the same password."""

CAST: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "volunteer": ("王小明", (), False),
    "resident": ("李秀英", (), True),
    "coordinator": ("陈芳", ("coordinator",), False),
    "second": ("刘建国", ("second_approver",), False),
    "shop": ("周丽", ("shopkeeper",), False),
    "panel": ("吴桂兰", ("panel",), True),
    "auditor": ("郑明", ("auditor",), False),
    "admin": ("孙伟", ("admin",), False),
    "barber": ("周国平", ("shopkeeper",), False),
}
"""Login: name, roles, large type."""

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾"
    "丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
OLD_NAMES = (
    "秀英",
    "桂兰",
    "玉兰",
    "建国",
    "淑珍",
    "国强",
    "桂英",
    "志明",
    "秀兰",
    "德福",
    "春梅",
    "福生",
    "凤英",
    "玉珍",
    "长青",
    "素芬",
)
GROWN_NAMES = (
    "芳",
    "伟",
    "丽",
    "强",
    "敏",
    "静",
    "军",
    "洋",
    "艳",
    "勇",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "霞",
    "平",
    "刚",
    "桂香",
    "建华",
    "晓红",
    "志刚",
    "海燕",
    "永康",
    "小兰",
    "文斌",
)
YOUNG_NAMES = (
    "子涵",
    "浩然",
    "欣怡",
    "宇轩",
    "梓萱",
    "思远",
    "雨桐",
    "俊杰",
    "佳宁",
    "一诺",
    "嘉懿",
    "晨曦",
    "若曦",
    "天佑",
    "诗涵",
    "睿",
)
PEOPLE_PER_HOUSEHOLD = (1, 2, 2, 3, 3, 3, 4, 4, 5)
"""Drawn from, so that 700 households hold about 2,110 people."""


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Somebody who will be registered."""

    name: str
    age: int
    phone: str | None

    @property
    def is_elder(self) -> bool:
        """Sixty-five and older."""
        return self.age >= 65


def family(source: random.Random, phones: Iterator[str]) -> list[MadeUp]:
    """Draw the people behind one door; the old often share the phone of whoever is younger."""
    surname = source.choice(SURNAMES)
    size = source.choice(PEOPLE_PER_HOUSEHOLD)
    ages = sorted(
        (source.choice((8, 15, 22, 28, 34, 36, 41, 45, 52, 58, 63, 67, 71, 76, 83)) for _ in range(size)), reverse=True
    )
    shared = next(phones)
    people = []
    for place, age in enumerate(ages):
        name = (surname if place == 0 or source.random() < 0.6 else source.choice(SURNAMES)) + source.choice(
            _given(age)
        )
        people.append(MadeUp(name, age, shared if age < 16 or age >= 75 or place == 0 else next(phones)))
    return people


def _given(age: int) -> tuple[str, ...]:
    if age >= 60:
        return OLD_NAMES
    return GROWN_NAMES if age >= 25 else YOUNG_NAMES


def phones() -> Iterator[str]:
    """Give made-up mobile numbers from a block that is not handed out."""
    number = 19900000000
    while True:
        number += 7
        yield str(number)
