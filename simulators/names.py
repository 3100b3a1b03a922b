"""Names of an invented county: what its places, firms and restaurants are called.

望川县 (Wangchuan) does not exist; nothing here names a real place or company on purpose. Firms are
a county prefix, a trade name and a line of business; restaurants a street name and a kitchen.
"""

from __future__ import annotations

from typing import Final

from domain.assets import Region

COUNTY: Final = Region(id="wangchuan", name="望川县", kind="county")

TOWNS: Final = (
    Region(id="chengguan", name="城关街道", kind="town", parent="wangchuan"),
    Region(id="liuhe", name="柳河镇", kind="town", parent="wangchuan"),
    Region(id="shiqiao", name="石桥镇", kind="town", parent="wangchuan"),
    Region(id="qingshan", name="青山镇", kind="town", parent="wangchuan"),
    Region(id="baisha", name="白沙镇", kind="town", parent="wangchuan"),
    Region(id="shuangta", name="双塔镇", kind="town", parent="wangchuan"),
    Region(id="daying", name="大营镇", kind="town", parent="wangchuan"),
    Region(id="hongyan", name="红岩乡", kind="town", parent="wangchuan"),
)

PARKS: Final = (
    Region(id="kaifaqu", name="望川经济开发区", kind="park", parent="wangchuan"),
    Region(id="huagongyuan", name="城北化工产业园", kind="park", parent="wangchuan"),
    Region(id="jiajuyuan", name="双塔家居产业园", kind="park", parent="wangchuan"),
)

VILLAGES: Final = (
    Region(id="dongmen", name="东门社区", kind="village", parent="chengguan"),
    Region(id="nanjie", name="南街社区", kind="village", parent="chengguan"),
    Region(id="liuhewan", name="柳河湾村", kind="village", parent="liuhe"),
    Region(id="shiqiaotou", name="石桥头村", kind="village", parent="shiqiao"),
    Region(id="xiaqingshan", name="下青山村", kind="village", parent="qingshan"),
    Region(id="baishadu", name="白沙渡村", kind="village", parent="baisha"),
    Region(id="taxia", name="塔下村", kind="village", parent="shuangta"),
    Region(id="daqiying", name="大旗营村", kind="village", parent="daying"),
)

REGIONS: Final = (COUNTY, *TOWNS, *PARKS, *VILLAGES)

TRADE_NAMES: Final = (
    "宏达", "金川", "恒泰", "永盛", "瑞丰", "华源", "鼎新", "昌隆", "天和", "广润",
    "东升", "盛邦", "鑫海", "嘉禾", "兴业", "正大", "博远", "中泰", "凯旋", "同创",
    "三江", "亿隆", "福源", "长青", "新航", "万顺", "隆基", "北辰", "聚能", "力成",
    "安达", "德胜", "宝泰", "汇丰源", "晨光", "远景", "丰泽", "银河", "龙腾", "泰山",
    "九鼎", "海川", "佳美", "众合", "星火", "润田", "立信", "千禾", "启航", "蓝天",
    "大成", "顺通", "华瑞", "金盾", "南洋", "民生", "振华", "飞跃", "百川", "锦绣",
)  # fmt: skip

STREETS: Final = (
    "东门", "南街", "西关", "北苑", "文昌路", "人民路", "解放路", "滨河路", "车站", "老街",
    "石桥", "柳河湾", "青山口", "白沙渡", "塔下", "大营集",
)  # fmt: skip

KITCHENS: Final = (
    "老灶火锅店", "家常菜馆", "羊肉汤馆", "牛肉面馆", "农家小院", "烧烤城", "酒楼", "早点铺",
    "水饺馆", "川湘菜馆",
)  # fmt: skip
