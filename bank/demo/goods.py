"""What the demo's shop and providers offer, and what its people do together: data, all of it made up."""

from __future__ import annotations

from dataclasses import dataclass

GOODS: tuple[tuple[str, int, int, str, str], ...] = (
    ("香皂", 10, 160, "soap", "一块，120 克"),
    ("抽纸三包", 20, 160, "tissue", "三包装"),
    ("毛巾", 30, 80, "towel", "纯棉，一条"),
    ("洗衣液 2 公斤", 60, 40, "detergent", "家庭装"),
    ("食用油 1.8 升", 90, 30, "oil", "一桶"),
    ("大米 5 公斤", 100, 30, "rice", "一袋"),
)
"""Title, price in points, first stock, drawing, description."""

SERVICES: tuple[tuple[str, int, str, str], ...] = (
    ("理发", 30, "haircut", "社区理发点，剪洗吹"),
    ("家庭保洁", 90, "cleaning", "简单保洁，不登高、不擦外窗"),
    ("手机帮手", 60, "phone-help", "教您用智能手机、防诈骗，不碰银行软件"),
    ("陪聊读报", 60, "company", "上门陪您说说话"),
    ("陪诊", 180, "escort", "陪您去医院，不代作医疗决定"),
    ("小修小补", 60, "repair", "换灯泡、修龙头，不动煤气和总闸"),
    ("家庭大扫除", 240, "cleaning", "两个人来收拾半天，不登高、不擦外窗"),
    ("活动室半天", 240, "gift", "过寿、聚会用的活动室，自己收拾干净"),
    ("老年食堂半月午餐", 600, "meal", "十五顿午餐，在社区食堂吃，也可以请人送"),
)
"""Title, price in minutes, drawing, description."""

BARBERS = frozenset({"理发"})
"""What the barber does; the other services are given by 邻里服务站."""

DONOR = "望月湖便民超市"
LOW_STOCK = {"大米 5 公斤": 2, "食用油 1.8 升": 0}
"""What is left of these at most today: the shop runs low."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of activity that comes again and again."""

    title: str
    category: str
    place: str
    starts_at_hour: int
    minutes: int
    people: int
    risk_note: str


FIRST_DEEDS = {
    "blood_donation": "参加无偿献血，献血 400 毫升。",
    "care": "邻居摔了一跤，陪着去医院拍片，送回家。",
    "captain_duty": "当楼栋长一个月，挨户查了消防。",
}

OPENING = Kind("道德银行开张日", "culture", "望月湖广场", 9, 240, 60, "人多，看好老人和孩子。")

KINDS = (
    Kind("周末楼道大清洁", "environment", "3栋前坪集合", 9, 180, 40, "地面湿滑，注意防滑；戴手套。"),
    Kind("望月公园捡拾垃圾", "environment", "望月公园东门", 8, 180, 45, "远离水边；夹子朝下拿。"),
    Kind("为老理发日", "elder_care", "社区服务中心一楼", 9, 240, 25, "剪刀归盒；扶好老人。"),
    Kind("爱心送餐", "elder_care", "社区食堂", 10, 120, 20, "热汤当心烫；过马路走斑马线。"),
    Kind("平安夜巡", "safety", "社区警务室", 19, 180, 30, "两人一组，不与人争执。"),
    Kind("四点半课堂", "children", "社区图书室", 16, 180, 25, "接送须登记，不单独离开。"),
    Kind("健康义诊", "health", "望月湖广场", 9, 240, 40, "老人优先，备好急救箱。"),
    Kind("便民维修集市", "repair", "望月湖广场", 9, 240, 35, "先断电再动手。"),
    Kind("红歌合唱排练", "culture", "社区礼堂", 15, 180, 50, "注意台阶。"),
)

DEEDS: tuple[tuple[str, str], ...] = (
    ("captain_duty", "这个月当楼栋长，挨户通知停水，巡了三次楼。"),
    ("errand", "帮楼上的张奶奶买了一周的菜，还扛上了五楼。"),
    ("mediation", "两家为停车位吵起来，劝了一个钟头，握手言和。"),
    ("lost_property", "在菜场捡到一个钱包，一直等到失主回来。"),
    ("advice", "提议在三栋门口加一盏路灯，社区采纳了。"),
    ("care", "邻居半夜发烧，陪着去了医院，守到天亮。"),
    ("lecture", "给院里的老人讲了一堂防诈骗课。"),
)
