"""Folds the ways of writing the same text into one: NFKC, long-vowel marks, hyphens, ヴ, old and rare forms of kanji.

Characters that nobody sees, such as soft hyphens and variation selectors, are left out.

Case is folded later, in the words that have case.
"""

import re
import unicodedata
from collections.abc import Sequence

from sakuin.index.text.characters import HIRAGANA, KATAKANA
from sakuin.index.text.compiled import native
from sakuin.index.text.signs import Sign, signs
from sakuin.patterns import pattern

_stable = pattern("[\x00-\x7fぁ-ゖァ-ヺー、。「」一-\u9fff]+")
# What is invisible: soft hyphens (with the end of the line they stand at), joiners, marks of direction, selectors of
# the form of a character, tints of emoji.
_invisible = pattern(
    "[\u00ad\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff"
    "\U000e0000-\U000e01ef](?:(?<=\u00ad)[ \t]*\n[ \t]*)?"
)
_narrow_hyphen = pattern("[-\u2010-\u2015\u2212](?<=[\uff66-\uff9f].)")
_endless_marks = pattern(
    "[\u0300-\u034e\u0350-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u065f\u0670\u06d6-\u06ed\u0730-\u074a\u07eb-\u07f3\u0816-\u082d"
    "\u08d3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\u302a-\u302f\u3099\u309a\ufe20-\ufe2f]{31}"
)
_wave = pattern(f"[~\u301c](?<=[{HIRAGANA}{KATAKANA}ー].)(?=[{HIRAGANA}{KATAKANA}ー~\u301c])")
_kana = f"{HIRAGANA}{KATAKANA}"
# Where a long vowel was typed as a dash: between katakana any, beside other characters those that look most like it.
_dash = pattern(
    f"[\u2010-\u2015\u2043\u2212\u2500\u2501\uff0d\ufe58](?:(?<=[{KATAKANA}].)(?=[{KATAKANA}])"
    f"|(?<=[\u2010\u2212\u2500\uff0d])(?<=[{_kana}].)(?=[{_kana}])"
    f"|(?<=[\u2010\u2212\u2500\uff0d])(?<=[{KATAKANA}].)(?![{KATAKANA}ー0-9A-Za-z０-９Ａ-Ｚａ-ｚ]))"
)
# A dash within a word or a code, as word processors and keyboards for Japanese write it; dashes of sentences only
# beside a digit.
_hyphen = pattern(
    "[\u2010-\u2015\u2043\u2212\u2500\ufe58ー](?<=[0-9A-Za-z].)(?=[0-9A-Za-z])"
    "(?:(?<![\u2014\u2015])|(?<=[0-9].)|(?=[0-9]))"
)
_apostrophe = pattern("[‘’ʼ′]")
_shrinks = pattern("ヴ[ァィェォ]|ー{2,}")

_SHRUNK = {"ヴァ": "バ", "ヴィ": "ビ", "ヴェ": "ベ", "ヴォ": "ボ"}

# Old or rare form, then the one in use; pairs that mean the same word in a name or an older text.
_FORMS = (
    "﨑崎髙高濵浜濱浜邊辺邉辺齋斎齊斉澤沢廣広國国櫻桜學学體体鐵鉄眞真德徳惠恵榮栄瀨瀬龍竜瀧滝藏蔵條条圓円實実寫写寶宝"
    "將将專専對対縣県繪絵經経續続總総聲声聽聴舊旧藝芸藥薬號号虛虚蟲虫衞衛裝装覺覚觀観譯訳讀読變変讓譲豐豊貳弐賣売"
    "轉転輕軽辭辞遲遅郞郎鄕郷醫医釋釈鑛鉱鑄鋳關関隱隠雙双雜雑靈霊靜静顏顔顯顕飜翻餘余驛駅驗験髮髪鬪闘鷄鶏鹽塩"
    "麥麦點点黑黒默黙齡齢齒歯龜亀亂乱亞亜來来佛仏假仮傳伝價価儉倹兒児兩両冰氷凉涼剩剰劍剣劒剣劑剤勞労勳勲勵励勸勧"
    "區区卷巻卽即參参吳呉單単嚴厳團団圍囲圖図壓圧壘塁壞壊壯壮壽寿奧奥奬奨孃嬢寢寝嶽岳峯峰巖巌帶帯廢廃廳庁彈弾當当"
    "徑径從従恆恒惡悪惱悩愼慎應応懷懐戀恋戰戦戲戯戶戸拂払拔抜擇択擔担據拠擴拡攝摂收収效効敍叙敕勅數数斷断晝昼"
    "曉暁曾曽會会棧桟樓楼樂楽樞枢樣様檢検權権歐欧歡歓步歩歲歳歷歴歸帰殘残毆殴每毎氣気沒没淨浄淺浅淸清淚涙渴渇"
    "溫温滯滞滿満潛潜澁渋濕湿濟済灣湾爐炉爭争爲為犧犠狹狭獨独獵猟獸獣獻献產産畫画疊畳癡痴發発盜盗盡尽碎砕祕秘祿禄"
    "禪禅禮礼稱称稻稲穗穂穩穏竊窃竝並粹粋絲糸緣縁縱縦繩縄繼継纖繊罐缶肅粛腦脳膽胆臟臓莊荘萬万蠶蚕蠻蛮觸触證証"
    "賴頼踐践蹟跡辨弁瓣弁辯弁遙遥邨村隨随險険隸隷顚顛飮飲餠餅騷騒驅駆驒騨鬭闘鷗鴎麪麺麵麺黃黄黨党槇槙瑤瑶"
    "穰穣薰薫彌弥嶋島嶌島埜野舘館菴庵篭籠蘆芦諫諌噓嘘俠侠搔掻攢攅萠萌鶯鴬頰頬剝剥塡填瘦痩繫繋蠟蝋醬醤ヶケヵカヴブ"
    "橫横囘回殼殻寬寛陷陥僞偽擧挙舉挙峽峡挾挟敎教强強堯尭揭掲溪渓莖茎螢蛍擊撃缺欠圈圏硏研娛娯册冊慘惨贊賛舍舎處処緖緒"
    "涉渉燒焼狀状乘乗醉酔釀醸錢銭插挿搜捜巢巣增増屬属墮堕臺台徵徴遞逓鎭鎮燈灯屆届霸覇拜拝甁瓶倂併襃褒戾戻豫予與与譽誉"
    "搖揺謠謡覽覧綠緑曆暦鍊錬錄録亙亘絕絶旣既槪概緜綿羣群脉脈莵兎兔兎艷艶蔣蒋蔥葱裡裏觧解咏詠豎竪軀躯鄰隣醱醗銳鋭閒間"
    "閱閲鴈雁雞鶏靑青韵韻饑飢馱駄駈駆欝鬱鵞鵝鼡鼠峩峨帋紙幷并寃冤夛多姊姉壻婿囯国圀国噐器决決况況减減凖準冝宜冦寇畧略"
    "恊協貮弐壹壱弌一弍二弎三昻昂晧皓曻昇栁柳桺柳槗橋桒桑梹檳檜桧枡桝皋皐盃杯砿鉱礦鉱稾稿窗窓竸競笋筍簞箪糓穀胷胸舩船"
    "畄留皃貌迯逃逹達冲沖泪涙烟煙營営犁犂豬猪甞嘗礒磯禰祢禱祷濤涛竈竃蠣蛎攪撹灌潅靭靱靫靱頸頚鹼鹸麴麹藪薮邇迩儘侭摑掴"
    "萊莱屢屡鰺鯵焰焔曬晒渕淵渊淵鈎鉤薗園劔剣釼剣鉃鉄鐡鉄嵜崎冨富𠮟叱𠮷吉𠀋丈𣘺橋𡈽土𥔎崎㐂喜尓爾凜凛煑煮攜携彥彦囑嘱"
    "俱倶廐厩厰廠拋抛旙幡朞期爼俎瀆涜皷鼓礪砺穎頴窰窯竒奇筝箏篦箆籖籤粮糧糺糾繡繍纒纏羮羹翆翠聟婿肬疣脣唇膓腸臈臘艪櫓"
    "莓苺葢蓋蓆席蕋蕊蘂蕊蝿蠅蠏蟹衂衄袮祢覊羈諩譜謌歌賍贓贗贋迹跡躰体軆体輌輛遯遁鈬鐸鋪舗鎻鎖鏁鎖鑚鑽鎚槌閧鬨阯址陻堙"
    "隝島雝雍靏鶴靍鶴頋顧頥頤颷飆飃飄飱飧餙飾鬂鬢鰛鰮鳬鳧鶇鶫鸎鴬麸麩麽麼黏粘齶顎內内吿告喻喩嚙噛囊嚢婬淫尙尚屛屏幈屏"
    "徧遍悅悦慚慙憇憩揷挿搥槌撿検晚晩朙明桮杯棊棋椶棕毓育濇渋煇輝牀床瘉癒盌椀矦侯秌秋糉粽纎繊羇羈翺翔耻恥聨聯藳藁蠧蠹"
    "眾衆襍雑譌訛豓艶豔艶賔賓贒賢軄職酧酬鈆鉛銹錆鍫鍬鎸鐫鐩燧閙鬧隂陰陿狭頟額餚肴騐験鬥闘龝秋穐秋龢和滙匯獘弊寳宝珎珍"
    "覔覓迺廼釖刀隄堤閇閉閗闘靣面"
)
# Radicals that Unicode has once more as signs of their own; some programs write them into a PDF for the kanji. NFKC
# folds those of the block before this one.
_RADICALS = (
    "⺁厂⺂乛⺃乚⺄乙⺅亻⺆冂⺇几⺈刀⺉刂⺊卜⺋㔾⺌小⺍小⺎兀⺏尣⺐尢⺒巳⺓幺⺔彑⺖忄⺗㣺⺘扌⺙攵⺛旡⺜日⺝月⺞歺⺠民"
    "⺡氵⺢氺⺣灬⺤爫⺥爫⺦丬⺧牛⺨犭⺩王⺫罒⺬示⺭礻⺮竹⺯糹⺰纟⺱罓⺲罒⺶羊⺷羊⺹耂⺺肀⺼肉⺽臼⺾艹⺿艹⻀艹⻁虎⻂衤"
    "⻃覀⻄西⻅见⻆角⻇角⻈讠⻉贝⻊足⻋车⻌辶⻍辶⻎辶⻏邑⻐钅⻑長⻒镸⻓长⻔门⻕阜⻖阝⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻞食"
    "⻟飠⻠饣⻡首⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱亀⻲亀"
)
_FORMS += _RADICALS
FORM = {ord(old): new for old, new in zip(_FORMS[::2], _FORMS[1::2], strict=True) if old != new}
"""The form in use of characters that have another, by their codes."""
_form = pattern(f"[{''.join(map(chr, FORM))}]")


_NORMALISED = Sign.INVISIBLE | Sign.DASH | Sign.NARROW | Sign.UNSTABLE
_REPLACED = Sign.APOSTROPHE | Sign.WAVE | Sign.HYPHEN
_CHANGED = _NORMALISED | _REPLACED | Sign.WIDE | Sign.SHRINKS | Sign.FORM


def folded(text: str) -> str:
    """The text that terms are read from."""
    return folded_with_signs(text)[0]


def folded_with_signs(text: str) -> tuple[str, int]:
    """The same, and its signs."""
    found = signs(text)
    if text.isascii():
        return text, found
    if found & _CHANGED:
        text = _folded(text, found)
        found = signs(text)
    return text, found


def _folded(text: str, found: int) -> str:
    if found & _NORMALISED:
        if found & Sign.INVISIBLE:
            text = _invisible.sub("", text)
        text = unicodedata.normalize("NFKC", _before_nfkc(text))
        found = signs(text)
    elif found & Sign.WIDE:
        text = native.narrowed(text)
        found = signs(text)
    if found & _REPLACED:
        text = _after_nfkc(text)
    # Signs of waves have become marks of long vowels.
    if found & (Sign.SHRINKS | Sign.WAVE):
        text = _shrinks.sub(_shrunk, text)
    return _formed(text) if found & Sign.FORM else text


def _formed(text: str) -> str:
    try:
        if native:
            return str(native.formed(text))
    except UnicodeEncodeError:  # a lone surrogate
        pass
    return text.translate(FORM) if _form.search(text) else text


def aligned(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """The same text as `folded`, with the start and end in ``text`` of what each character came from."""
    found = 0 if text.isascii() else signs(text)
    if not found & (_NORMALISED | Sign.WIDE | Sign.SHRINKS | Sign.WAVE):
        # What else is folded keeps its place.
        return folded(text), range(len(text)), range(1, len(text) + 1)
    visible = _visible(text)
    result, starts, ends = _aligned_nfkc(_before_nfkc(text if visible is None else "".join([text[i] for i in visible])))
    if visible is not None:
        starts, ends = [visible[start] for start in starts], [visible[end - 1] + 1 for end in ends]
    result = _after_nfkc(result)
    matches = list(_shrinks.finditer(result))
    for match in reversed(matches):
        starts[match.start() : match.end()] = [starts[match.start()]]
        ends[match.start() : match.end()] = [ends[match.end() - 1]]
    result = _shrinks.sub(_shrunk, result) if matches else result
    return _formed(result), starts, ends


def _visible(text: str) -> list[int] | None:
    """Where the characters stand that are seen; None if all are."""
    kept: list[int] = []
    done = 0
    for match in _invisible.finditer(text):
        kept += range(done, match.start())
        done = match.end()
    return [*kept, *range(done, len(text))] if done else None


def _before_nfkc(text: str) -> str:
    """Dashes typed for a long vowel, and no endless runs of marks; as long as the text.

    Normalising sorts marks that follow each other, in time that grows with the square of their number. No language
    writes more than a few; a character that they do not combine with parts them, as in Unicode's stream-safe format.
    """
    return _dash.sub("ー", _narrow_hyphen.sub("ｰ", _endless_marks.sub(_parted, text)))


def _parted(match: re.Match[str]) -> str:
    return match[0][:-1] + "\u034f"


def _after_nfkc(text: str) -> str:
    """Signs that stand for a long vowel, hyphens and apostrophes; as long as the text."""
    return _hyphen.sub("-", _wave.sub("ー", _apostrophe.sub("'", text)))


def _shrunk(match: re.Match[str]) -> str:
    return _SHRUNK.get(match[0], "ー")


def _aligned_nfkc(text: str) -> tuple[str, list[int], list[int]]:
    """NFKC, and for each character of it where the characters it came from start and end in ``text``."""
    if unicodedata.is_normalized("NFKC", text):
        return text, list(range(len(text))), list(range(1, len(text) + 1))
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    start = 0
    while start < len(text):
        # What is its own NFKC goes in whole stretches, but for the last character, which what follows may join.
        stretch = _stable.match(text, start)
        if stretch and stretch.end() - start > 1:
            end = stretch.end() - 1
            parts.append(text[start:end])
            starts += range(start, end)
            ends += range(start + 1, end + 1)
            start = end
        end = start + 1
        while end < len(text) and _joins_what_stands_before(text[end]):
            end += 1
        part = unicodedata.normalize("NFKC", text[start:end])
        parts.append(part)
        starts += [start] * len(part)
        ends += [end] * len(part)
        start = end
    return "".join(parts), starts, ends


def _joins_what_stands_before(character: str) -> bool:
    """Whether normalising may merge or reorder the character with the one before it."""
    if character.isascii():
        return False
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"
